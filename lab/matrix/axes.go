// Package matrix is the table of reachability: senders, the addresses of a service, traffic policies, and the expected
// outcome. The package is pure: cells, the services needed by cells, the outcome documented by Kubernetes and Cilium,
// and the judgement of a probe's recording.
package matrix

import (
	"fmt"
	"net/netip"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// From is a connection's sender.
type From string

// The senders. A node or pod is `with` if the service's only pod runs on the same node.
const (
	Beyond      From = "beyond"      // a client beyond the router
	Near        From = "near"        // a client on the nodes' own bridge
	NodeWith    From = "node"        // the node with the pod
	NodeWithout From = "other node"  // a node without the pod
	PodWith     From = "pod"         // a pod on the same node
	PodWithout  From = "distant pod" // a pod on another node
)

// Froms returns all senders, in the order of the grid's columns.
func Froms() []From { return []From{Beyond, Near, NodeWith, NodeWithout, PodWith, PodWithout} }

// outside reports whether the sender is outside of the cluster: north-south traffic in Cilium's words.
func (f From) outside() bool { return f == Beyond || f == Near }

// String is the sender in a sentence.
func (f From) String() string {
	return map[From]string{
		Beyond: "a client beyond the router", Near: "a client on the nodes' bridge",
		NodeWith: "the pod's own node", NodeWithout: "a node without the pod",
		PodWith: "a pod on the same node", PodWithout: "a pod on another node",
	}[f]
}

// Policy is a Service's external or internal traffic policy.
type Policy string

// The policies, as Kubernetes spells them.
const (
	Cluster Policy = "Cluster"
	Local   Policy = "Local"
)

// Mode is a node's way to forward a connection to a pod on another node.
type Mode string

// The modes, spelled as in Cilium's annotation. DSR: the pod's node answers the client directly. SNAT: the answer
// passes the entry node, and the entry node puts its own address in place of the client's.
const (
	DSR  Mode = "dsr"
	SNAT Mode = "snat"
)

// Announce is the protocol that announces a service's addresses outside of the cluster.
type Announce string

// The announcements.
const (
	BGP Announce = "bgp"
	L2  Announce = "l2"
)

// Family is the addresses' IP family.
type Family string

// The families. The services have addresses of both, as in a dual-stack cluster.
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// Families returns both families.
func Families() []Family { return []Family{IPv4, IPv6} }

// Of picks a family's addresses, in their order.
func (f Family) Of(all []netip.Addr) []netip.Addr {
	var its []netip.Addr
	for _, a := range all {
		if a.Is4() == (f == IPv4) {
			its = append(its, a)
		}
	}
	return its
}

// Entry is the entry node of a node port.
type Entry string

// The entries.
const (
	AtPod   Entry = "pod's node"
	AtOther Entry = "other node"
)

// Cell is one cell of the table: one sender, one address, one set of policies.
type Cell struct {
	To       scenario.Target `json:"to"`
	From     From            `json:"from"`
	External Policy          `json:"external,omitempty"` // empty without a service in between
	Internal Policy          `json:"internal,omitempty"`
	Mode     Mode            `json:"mode,omitempty"`
	Announce Announce        `json:"announce,omitempty"`
	Entry    Entry           `json:"entry,omitempty"` // of node ports only
	Family   Family          `json:"family"`
	Proto    record.Proto    `json:"proto"`
}

// Variant is the cell's service.
func (c Cell) Variant() Variant {
	return Variant{External: c.External, Internal: c.Internal, Mode: c.Mode, Announce: c.Announce}
}

// Labels returns the cell's axes, for filters.
func (c Cell) Labels() []string {
	labels := []string{"reachability", "matrix", string(c.To), string(c.Family), c.transport()}
	if c.External != "" {
		labels = append(labels, string(c.Mode), string(c.Announce), "eTP-"+string(c.External), "iTP-"+string(c.Internal))
	}
	return labels
}

func (c Cell) transport() string {
	if c.Proto == record.UDP {
		return "udp"
	}
	return "tcp"
}

// Service describes the cell's service in short: eTP Local, iTP Cluster, dsr, bgp.
func (c Cell) Service() string {
	if c.External == "" {
		return "no service"
	}
	return fmt.Sprintf("eTP %s, iTP %s, %s, %s", c.External, c.Internal, c.Mode, c.Announce)
}

// String is the cell's requirement as a sentence.
func (c Cell) String() string {
	at := map[scenario.Target]string{
		scenario.TargetPod: "the pod's IP", scenario.TargetClusterIP: "the ClusterIP", scenario.TargetExternalIP: "the ExternalIP",
		scenario.TargetLoadBalancer: "the LoadBalancer IP", scenario.TargetNodePort: "the NodePort of the " + string(c.Entry),
	}[c.To]
	text := fmt.Sprintf("%s, by %s over %s at %s", c.From, c.transport(), c.Family, at)
	if c.External != "" {
		text += " (" + c.Service() + ")"
	}
	return text + ", " + c.Expected().String()
}
