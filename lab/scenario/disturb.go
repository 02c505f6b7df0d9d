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

// Fault is a disturbance: exactly one kind with its target, and the fields that FaultKinds lists for the kind.
type Fault struct {
	// Kill ends a router, client, cluster node or a gateway's guard (r1-gw) at once, as a power cut does.
	Kill string `json:"kill,omitempty"`
	// Stop ends a container as an operator does: processes are asked to end first.
	Stop string `json:"stop,omitempty"`
	// Pause freezes all processes of that node; the kernel goes on forwarding.
	Pause string `json:"pause,omitempty"`
	// Restart stops and starts that node.
	Restart string `json:"restart,omitempty"`
	// KillProcess kills Process on that node, or, with `nodes`, on every node of the cluster at once.
	KillProcess string `json:"killProcess,omitempty"`
	// PauseProcess sends SIGSTOP to Process on that node: the process stays and answers nobody.
	PauseProcess string `json:"pauseProcess,omitempty"`
	// LinkDown takes the link to Network down on that node. A node with one link needs no Network.
	LinkDown string `json:"linkDown,omitempty"`
	// Flap takes the link to Network down and up, each for Interval.
	Flap string `json:"flap,omitempty"`
	// Partition drops what this node and Peer send to each other.
	Partition string `json:"partition,omitempty"`
	// Drop lets nothing of Proto pass on that node, in Direction.
	Drop string `json:"drop,omitempty"`
	// Loss drops Percent of that node's packets at random.
	Loss string `json:"loss,omitempty"`
	// RateLimit limits the packets that this node sends to Rate.
	RateLimit string `json:"rateLimit,omitempty"`
	// Latency delays the packets that this node sends by Delay, give or take Jitter.
	Latency string `json:"latency,omitempty"`
	// StaleNeighbor gives this node a wrong MAC for Peer, until the kernel asks again.
	StaleNeighbor string `json:"staleNeighbor,omitempty"`
	// WrongNeighbor gives this node a wrong MAC for Peer, for good.
	WrongNeighbor string `json:"wrongNeighbor,omitempty"`
	// BGPShut shuts a router's sessions down, or the session with Peer.
	BGPShut string `json:"bgpShut,omitempty"`
	// BGPClear resets a router's sessions, or the session with Peer.
	BGPClear string `json:"bgpClear,omitempty"`
	// BGPSoftClear refreshes a router's routes, or those of Peer; sessions stay.
	BGPSoftClear string `json:"bgpSoftClear,omitempty"`
	// Cordon keeps new pods away from a cluster node.
	Cordon string `json:"cordon,omitempty"`
	// Drain cordons a cluster node and evicts its pods.
	Drain string `json:"drain,omitempty"`
	// DeleteLease deletes a Lease: NAMESPACE/NAME, or a name in kube-system.
	DeleteLease string `json:"deleteLease,omitempty"`
	// CutAPI parts a cluster node, with its pods, from the API server.
	CutAPI string `json:"cutAPI,omitempty"`
	// ScaleToZero takes all pods of a workload away.
	ScaleToZero string `json:"scaleToZero,omitempty"`

	// Network is the network of the link. If a kind may omit Network, the fault is on all networks of the node.
	Network string `json:"network,omitempty"`
	// Process is a program's name: bgpd, keepalived, cilium-agent …
	Process string `json:"process,omitempty"`
	// Peer is the other end: a node; for neighbours also a gateway or an address; for BGP also an address or `nodes`.
	Peer string `json:"peer,omitempty"`
	// Proto is the protocol of drop.
	Proto string `json:"proto,omitempty" jsonschema:"enum=bgp,enum=bfd,enum=vrrp,enum=arp"`
	// Direction is as seen from the node; default both.
	Direction string `json:"direction,omitempty" jsonschema:"enum=in,enum=out"`
	// Percent is the share of packets that loss drops.
	Percent float64 `json:"percent,omitempty" jsonschema:"exclusiveMinimum=0,maximum=100"`
	// Rate is in bits a second as tc(8) spells them: 500kbit, 10mbit.
	Rate     string   `json:"rate,omitempty"`
	Delay    Duration `json:"delay,omitempty"`    // of latency
	Jitter   Duration `json:"jitter,omitempty"`   // of latency; at most Delay
	Interval Duration `json:"interval,omitempty"` // of flap
	// For undoes the fault after this time; default: the fault stays until the check or the step clears it.
	For Duration `json:"for,omitempty"`
}

// SetDefaults fills in the workload, the protocol, the pause and the number of flows.
func (p *Probe) SetDefaults(s *Spec) {
	Or(&p.Workload, s.FirstWorkload())
	Or(&p.Proto, DefaultProto)
	Or(&p.Every, DefaultEvery)
	Or(&p.Flows, 1)
}
