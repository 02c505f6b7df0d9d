package scenario

import "slices"

// The checks below look at the inside of a cluster: its wires, its nodes' routes, its services as Cilium has them.

// Encapsulation says what packets between pods of two nodes travel in.
type Encapsulation string

// The encapsulations that a capture can tell apart.
const (
	EncapsulationNone   Encapsulation = "none"
	EncapsulationVXLAN  Encapsulation = "vxlan"  // RFC 7348
	EncapsulationGeneve Encapsulation = "geneve" // RFC 8926
	EncapsulationIPIP   Encapsulation = "ipip"   // RFC 2003; IPv6 in IPv4 and the like, too (RFC 4213, RFC 2473)
)

// Wire promises how packets between pods on two nodes look on the network between these nodes.
type Wire struct {
	// Between are two nodes, each with a pod of the workload.
	Between       []string      `json:"between"`
	Encapsulation Encapsulation `json:"encapsulation"`
	Workload      string        `json:"workload,omitempty"` // default: the first workload
	Within        Duration      `json:"within,omitempty"`   // default 30 s
}

// NodeRoutes promises that every node has in its FIB a way to each other node's pod CIDRs: by that node itself where
// the two share a network, else by a router of the scenario on its own network.
type NodeRoutes struct {
	Within Duration `json:"within,omitempty"` // default 30 s
}

// ServiceList promises that Cilium's own list of services has, on every node, each address of a workload's service
// with every pod of the workload as an active backend.
type ServiceList struct {
	Workload string   `json:"workload,omitempty"` // default: the first workload
	Within   Duration `json:"within,omitempty"`   // default 30 s
}

// The values of EntryCheck.At.
const (
	EntryOwn = "own"
	EntryAll = "all"
)

// EntryCheck promises at which nodes packets from beyond the routers enter the cluster on their way to a workload's pods.
type EntryCheck struct {
	From     string `json:"from"`               // a client
	Workload string `json:"workload,omitempty"` // default: the first workload
	// At is own: each pod's at the pod's own node alone; or all: at every node, and those without the pod pass them on.
	At     string   `json:"at" jsonschema:"enum=own,enum=all"`
	Within Duration `json:"within,omitempty"` // default 30 s
}

// inside sets the defaults of these checks.
func (c *Check) inside(firstWorkload string) {
	if w := c.Wire; w != nil {
		Or(&w.Workload, firstWorkload)
		Or(&w.Within, DefaultWithin)
	}
	if n := c.NodeRoutes; n != nil {
		Or(&n.Within, DefaultWithin)
	}
	if s := c.ServiceList; s != nil {
		Or(&s.Workload, firstWorkload)
		Or(&s.Within, DefaultWithin)
	}
	if e := c.Entry; e != nil {
		Or(&e.Workload, firstWorkload)
		Or(&e.Within, DefaultWithin)
	}
}

func (v *Validation) wire(path string, w *Wire) {
	if len(w.Between) != 2 && !v.form.has(path+".between") {
		v.Add(path+".between", "seen %d nodes, want two", len(w.Between))
	}
	v.Nodes(path+".between", w.Between)
	if e := v.Workload(path+".workload", w.Workload); e != nil && e.Replicas < 2 {
		v.Add(path+".workload", "seen %s with one replica, want two or more: one on each node", e.Name)
	}
}

func (v *Validation) nodeRoutes(path string) {
	if len(v.spec.NodeNames()) < 2 {
		v.Add(path, "seen a check of the nodes' routes to each other, want a cluster of two nodes or more")
	}
}

func (v *Validation) entry(path string, e *EntryCheck) {
	var known []string
	for _, c := range v.spec.Clients {
		known = append(known, c.Name)
	}
	if e.From != "" && !slices.Contains(known, e.From) {
		v.Unknown(path+".from", e.From, "client", known)
	}
	v.Workload(path+".workload", e.Workload)
}

func (v *Validation) serviceList(path string, s *ServiceList) {
	v.Workload(path+".workload", s.Workload)
	if c, _ := v.spec.cilium(); c == nil {
		v.Add(path, "seen a check of Cilium's services, want cilium among the addons")
	}
}
