package scenario

import (
	"net/netip"
	"slices"
	"strings"
)

// Aim checks a target as of Send: an address with a port, or a kind of address of a workload or a client.
func (v *Validation) Aim(path, to string) {
	if to == "" || len(NamesIn(to)) > 0 {
		v.Text(path, to)
		return
	}
	if at, err := netip.ParseAddrPort(to); err == nil && at.Port() != 0 {
		return
	}
	kind, of, _ := strings.Cut(to, "/")
	name, node, at := strings.Cut(of, "@")
	switch t := Target(kind); {
	case t == TargetClient && !at:
		v.Answering(path, name)
	case slices.Contains([]Target{TargetPod, TargetClusterIP, TargetExternalIP, TargetLoadBalancer}, t) && !at:
		v.Workload(path, name)
	case t == TargetNodePort:
		v.Workload(path, name)
		if at {
			v.Known(path, node, "node", v.spec.NodeNames())
		}
	default:
		v.Add(path, "seen %q, want pod/W, clusterIP/W, externalIP/W, loadBalancer/W, nodePort/W@NODE (W is a workload), client/C (a client with echo) or ADDRESS:PORT", to)
	}
}

// Addressed checks an address or, if prefixes is set, an address or a prefix.
func (v *Validation) Addressed(path, to string, prefixes bool) {
	if to == "" || len(NamesIn(to)) > 0 {
		v.Text(path, to)
		return
	}
	_, err := netip.ParseAddr(to)
	if prefixes && err != nil {
		_, err = netip.ParsePrefix(to)
	}
	if err != nil {
		v.Add(path, "seen %q, want %s, or a name in @{…} such as @{ROUTER.NETWORK}", to, map[bool]string{true: "an address or a prefix", false: "an address"}[prefixes])
	}
}

// FarEnd checks the far end of a BGP session: a node of the lab, or an address.
func (v *Validation) FarEnd(path, peer string) {
	if _, err := netip.ParseAddr(peer); peer != "" && err != nil && !slices.Contains(v.Containers(), peer) {
		v.Add(path, "seen %q, want an address or %s", peer, oneOf("node", v.Containers()))
	}
}
