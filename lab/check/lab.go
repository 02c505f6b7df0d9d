package check

import (
	"context"
	"net/netip"
	"time"

	"skidpad.dev/skidpad/lab/cluster/counter"
	"skidpad.dev/skidpad/lab/hubble"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// Lab is everything that checks need of a lab. A running lab can do all of it, so no check asks whether the lab can.
type Lab interface {
	Lookup
	State
	Traffic
	Changes
	Recorder
}

// Lookup finds nodes and addresses.
type Lookup interface {
	// Node finds a client, router or cluster node by the scenario's name.
	Node(name string) (node.Node, error)
	// Endpoints returns a workload's addresses at this moment.
	Endpoints(ctx context.Context, workload string) (probe.Endpoints, error)
	// ClusterNodes returns the cluster's nodes at this moment.
	ClusterNodes(ctx context.Context) ([]live.ClusterNode, error)
	Routers() []live.Router
}

// State is the lab at this moment.
type State interface {
	// Base returns nil if the lab is as the plan describes, and otherwise the difference.
	Base(ctx context.Context) error
	// Carrier returns the router and the nodes that carry packets from a node to an address.
	Carrier(ctx context.Context, from string, to netip.Addr) (live.Carrier, error)
	// LeaseHolder returns the scenario's name of the node that announces a workload's addresses by ARP.
	LeaseHolder(ctx context.Context, workload string) (string, error)
	// APIHolder returns the scenario's name of the node that holds the API's address. No holder, or several, is an error.
	APIHolder(ctx context.Context) (string, error)
}

// Traffic sends and sees traffic.
type Traffic interface {
	// Listen passes the beginning of each packet on a node's links to see, one at a time, while do runs.
	Listen(ctx context.Context, node string, see func(frame []byte), do func() error) error
	// HubbleFlows returns the flows from an address since a time, as reported by Hubble's relay.
	HubbleFlows(ctx context.Context, from netip.Addr, since time.Time) ([]hubble.Flow, error)
	// Write begins to write numbers to the API, one after each pause.
	Write(ctx context.Context, every time.Duration) (Writing, error)
}

// Changes change the lab.
type Changes interface {
	// Inject returns when the fault is in force.
	Inject(ctx context.Context, f scenario.Fault) (Injected, error)
	// Deny denies all traffic into a workload's pods, until undo is called.
	Deny(ctx context.Context, workload string) (undo func(context.Context) error, err error)
	// ReleaseLease makes the holder lose its lease, so that the nodes compete for the lease again.
	ReleaseLease(ctx context.Context, workload string) error
	// GracefulRestart sets graceful restart on all BGP speakers; nil means the plan's setting. GracefulRestart returns when
	// the sessions have negotiated it.
	GracefulRestart(ctx context.Context, on *bool) error
	// Multiply makes further LoadBalancer Services of a workload, and returns when the API has accepted all. Not-nil copies
	// beside an error must be deleted, too.
	Multiply(ctx context.Context, workload string, count int) (Copies, error)
	// Join has a planned node join the cluster by kubeadm, and returns when the node is Ready.
	Join(ctx context.Context, node string, note func(string)) error
	// Leave removes such a node from the cluster.
	Leave(ctx context.Context, node string, note func(string)) error
}

// Recorder records the lab while a check runs.
type Recorder interface {
	// Now returns the clock of probes and faults: CLOCK_MONOTONIC of the engine's machine, in nanoseconds.
	Now() int64
	// Observe begins to record under a check's name. At its end the recording reaches back for at least lasts.
	Observe(ctx context.Context, check string, lasts time.Duration) (Observation, error)
	// RouteGone returns the time, by Now, when a router's FIB lost its last route to a prefix by these next hops. ok is false
	// if the loss was not seen since the given time.
	RouteGone(router string, to netip.Prefix, via []netip.Addr, since int64) (at int64, ok bool)
}

// Observation is a recording that runs.
type Observation interface {
	timeline.Sink
	// End stops recording. Captures of packets are kept only if there is a reason.
	End(ctx context.Context, reason string) (captures []string, err error)
}

// Injected is a fault in force.
type Injected interface {
	// Window returns the begin of the injection, and the time when the fault was in force, both by Now.
	Window() (begin, end int64)
	// Clear undoes the fault. Clear is harmless the second time, and after the lab has healed itself.
	Clear(ctx context.Context) error
}

// Copies are further Services of a workload.
type Copies interface {
	// Addresses returns the address of each copy, by name; invalid without an address yet.
	Addresses(ctx context.Context) (map[string]netip.Addr, error)
	// Delete deletes some copies, or all without names.
	Delete(ctx context.Context, names ...string) error
}

// Writing is a series of writes that goes on.
type Writing interface {
	Stop(ctx context.Context) (*counter.Counted, error)
}
