package scenario

import "time"

// The defaults of a check that disturbs.
const (
	DefaultEvery = Duration(time.Millisecond)
	DefaultProto = "udp"
)

// AllNodes stands for all nodes of the cluster, in faults that can hit several nodes at once.
const AllNodes = "nodes"

// Probe is the flow of a check that measures: attempts at a fixed pace from a node to a workload.
type Probe struct {
	// From is a client, a router, a cluster node or a workload's pod on a node (pod/echo@worker).
	From     string `json:"from"`
	To       Target `json:"to"`
	Workload string `json:"workload,omitempty"` // default: the first workload
	// Gateway is a gateway on cluster nodes: the flow asks the node port at the gateway's address. Only with to: nodePort;
	// default: the first node's own address.
	Gateway string `json:"gateway,omitempty"`
	// Proto is udp, tcp (connects) or http (a connection for each request); default udp.
	Proto string `json:"proto,omitempty" jsonschema:"enum=udp,enum=tcp,enum=http"`
	// Every is the pause between two attempts of a flow, from 1 ms to 1 s; default 1 ms.
	Every Duration `json:"every,omitempty"`
	// Flows is the number of parallel flows; default 1. Each flow has another source port, so the flows spread over equal
	// paths and over backends. The worst flow counts.
	Flows int `json:"flows,omitempty" jsonschema:"minimum=1,maximum=32"`
}

// SetDefaults fills in the workload, the protocol, the pause and the number of flows.
func (p *Probe) SetDefaults(s *Spec) {
	Or(&p.Workload, s.FirstWorkload())
	Or(&p.Proto, DefaultProto)
	Or(&p.Every, DefaultEvery)
	Or(&p.Flows, 1)
}
