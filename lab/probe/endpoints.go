package probe

import (
	"fmt"
	"net/netip"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// Endpoints holds the addresses at which a workload must answer.
type Endpoints struct {
	Workload        string
	Pods            []Pod // the pods that must answer: running, and not being deleted
	ClusterIPs      []netip.Addr
	ExternalIPs     []netip.Addr
	LoadBalancerIPs []netip.Addr
	Nodes           []NodeAddress // every node of the cluster, for node ports
	Floating        []NodeAddress // gateways on nodes, each with the gateway's addresses, for node ports
	Client          []netip.Addr  // of a client with echo, at PodPort
	PodPort         Ports
	ServicePort     Ports
	NodePort        Ports // zero if the service has no node port
}

// Pod is one pod of a workload.
type Pod struct {
	Name, Node string
	IPs        []netip.Addr
}

// NodeAddress is a cluster node with the node's reachable addresses.
type NodeAddress struct {
	Name      string
	Addresses []netip.Addr
}

// Ports holds one port number per transport.
type Ports struct{ TCP, UDP uint16 }

// Of returns the port for a protocol; 0 if there is none.
func (p Ports) Of(proto record.Proto) uint16 {
	if proto == record.UDP {
		return p.UDP
	}
	return p.TCP
}

// Address is an address at which a workload must answer.
type Address struct {
	Kind scenario.Target `json:"kind"`
	Of   string          `json:"of,omitempty"` // the pod (pod) or the node (nodePort)
	At   netip.AddrPort  `json:"at"`
}

// Addresses returns the addresses of one kind, in the order of the fields. An empty result is no error here: a
// caller that needs an address reports the error.
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

// Resolve returns the addresses of a target; an address resolves to itself. No address is an error.
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
	if port := e.NodePort.Of(proto); ref.Kind == scenario.TargetNodePort && ref.Node != "" && port != 0 {
		for _, g := range e.Floating {
			for _, a := range g.Addresses {
				if g.Name == ref.Node {
					found = append(found, netip.AddrPortFrom(a, port))
				}
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: workload %s has no such address for %s; see what it has with: skidpad status", ref, e.Workload, proto)
	}
	return found, nil
}
