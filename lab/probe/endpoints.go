package probe

import (
	"fmt"
	"net/netip"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// Endpoints is where a workload is to answer.
type Endpoints struct {
	Workload        string
	Pods            []Pod // those that are to answer: running, and not being deleted
	ClusterIPs      []netip.Addr
	ExternalIPs     []netip.Addr
	LoadBalancerIPs []netip.Addr
	Nodes           []NodeAddress // every node of the cluster, for node ports
	Client          []netip.Addr  // of a client that answers, at PodPort
	PodPort         Ports
	ServicePort     Ports
	NodePort        Ports // zero where the service has none
}

// Pod is one pod of a workload.
type Pod struct {
	Name, Node string
	IPs        []netip.Addr
}

// NodeAddress is a cluster node with the addresses at which it is reached.
type NodeAddress struct {
	Name      string
	Addresses []netip.Addr
}

// Ports are one port number per transport.
type Ports struct{ TCP, UDP uint16 }

// Of is the port of a way to probe; 0 where there is none.
func (p Ports) Of(proto record.Proto) uint16 {
	if proto == record.UDP {
		return p.UDP
	}
	return p.TCP
}

// Address is one place at which a workload is to answer.
type Address struct {
	Kind scenario.Target `json:"kind"`
	Of   string          `json:"of,omitempty"` // the pod (pod) or the node (nodePort)
	At   netip.AddrPort  `json:"at"`
}

// Addresses are those of one kind, in the order of the fields. None is no error here: whoever needs one
// says so.
func (e Endpoints) Addresses(kind scenario.Target, proto record.Proto) []Address {
	var found []Address
	add := func(of string, port uint16, addresses ...netip.Addr) {
		for _, a := range addresses {
			if a.IsValid() && port != 0 {
				found = append(found, Address{Kind: kind, Of: of, At: netip.AddrPortFrom(a, port)})
			}
		}
	}
	switch kind {
	case scenario.TargetPod:
		for _, p := range e.Pods {
			add(p.Name, e.PodPort.Of(proto), p.IPs...)
		}
	case scenario.TargetClient:
		add("", e.PodPort.Of(proto), e.Client...)
	case scenario.TargetClusterIP:
		add("", e.ServicePort.Of(proto), e.ClusterIPs...)
	case scenario.TargetExternalIP:
		add("", e.ServicePort.Of(proto), e.ExternalIPs...)
	case scenario.TargetLoadBalancer:
		add("", e.ServicePort.Of(proto), e.LoadBalancerIPs...)
	case scenario.TargetNodePort:
		for _, n := range e.Nodes {
			add(n.Name, e.NodePort.Of(proto), n.Addresses...)
		}
	}
	return found
}

// Resolve finds the addresses that a target means; an address means itself. No address is an error.
func (e Endpoints) Resolve(ref Ref, proto record.Proto) ([]netip.AddrPort, error) {
	if ref.Address.IsValid() {
		return []netip.AddrPort{ref.Address}, nil
	}
	var found []netip.AddrPort
	for _, a := range e.Addresses(ref.Kind, proto) {
		if ref.Node == "" || a.Of == ref.Node {
			found = append(found, a.At)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: workload %s has no such address for %s; see what it has with: skidpad status", ref, e.Workload, proto)
	}
	return found, nil
}
