package probe

import (
	"fmt"
	"net/netip"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// Ref is a target in the user's spelling: a kind of address of a workload, or an address itself.
type Ref struct {
	Kind     scenario.Target // empty if Address is given
	Workload string
	Node     string         // for nodePort: the node; empty means every node
	Address  netip.AddrPort // valid if the spelling was ADDRESS:PORT
}

// Spellings lists the ways to write a Ref, for usage texts and errors.
const Spellings = "pod/W, clusterIP/W, externalIP/W, loadBalancer/W, nodePort/W@NODE (W is a workload), client/C (a client with echo) or ADDRESS:PORT"

// ParseRef reads a target: pod/echo, nodePort/echo@worker, 192.0.2.1:80, [2001:db8::1]:80.
func ParseRef(s string) (Ref, error) {
	if at, err := netip.ParseAddrPort(s); err == nil {
		if at.Port() == 0 {
			return Ref{}, fmt.Errorf("target %q: port 0 answers nobody; wanted %s", s, Spellings)
		}
		return Ref{Address: at}, nil
	}
	kind, rest, _ := strings.Cut(s, "/")
	workload, node, at := strings.Cut(rest, "@")
	ref := Ref{Kind: scenario.Target(kind), Workload: workload, Node: node}
	switch ref.Kind {
	case scenario.TargetPod, scenario.TargetClusterIP, scenario.TargetExternalIP, scenario.TargetLoadBalancer, scenario.TargetClient:
		if at {
			return Ref{}, fmt.Errorf("target %q: only a nodePort has a node; wanted %s", s, Spellings)
		}
	case scenario.TargetNodePort:
		if at && node == "" {
			return Ref{}, fmt.Errorf("target %q: no node after @; wanted nodePort/W@NODE, or nodePort/W for every node", s)
		}
	default:
		return Ref{}, fmt.Errorf("target %q: wanted %s", s, Spellings)
	}
	if workload == "" {
		return Ref{}, fmt.Errorf("target %q names no workload; wanted %s", s, Spellings)
	}
	return ref, nil
}

// String returns the target in the spelling of ParseRef.
func (r Ref) String() string {
	switch {
	case r.Address.IsValid():
		return r.Address.String()
	case r.Node != "":
		return string(r.Kind) + "/" + r.Workload + "@" + r.Node
	}
	return string(r.Kind) + "/" + r.Workload
}
