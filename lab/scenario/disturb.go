package scenario

import "time"

// What a disturbing check means where it says nothing.
const (
	DefaultEvery = Duration(time.Millisecond)
	DefaultProto = "udp"
)

// AllNodes names every node of the cluster in a fault that can meet several nodes at once.
const AllNodes = "nodes"

// Probe is the flow that a check measures with: attempts at a fixed pace from a node to a workload.
type Probe struct {
	// From is a client, a router, a cluster node or a workload's pod on a node (pod/echo@worker).
	From     string `json:"from"`
	To       Target `json:"to"`
	Workload string `json:"workload,omitempty"` // default: the first workload
	// Proto is udp, tcp (connects) or http (a connection for each request); default udp.
	Proto string `json:"proto,omitempty" jsonschema:"enum=udp,enum=tcp,enum=http"`
	// Every is the pause between two attempts of a flow, from 1 ms to 1 s; default 1 ms.
	Every Duration `json:"every,omitempty"`
	// Flows is how many flows run side by side, each from a port of its own so that they spread over equal
	// paths and over backends; default 1. The worst of them counts.
	Flows int `json:"flows,omitempty" jsonschema:"minimum=1,maximum=32"`
}

// SetDefaults fills in the workload, the protocol, the pause and the number of flows.
func (p *Probe) SetDefaults(s *Spec) {
	Or(&p.Workload, s.FirstWorkload())
	Or(&p.Proto, DefaultProto)
	Or(&p.Every, DefaultEvery)
	Or(&p.Flows, 1)
}
