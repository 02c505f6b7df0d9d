package live

import (
	"context"
	"net/netip"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
)

// SetGracefulRestart serves the tests. The tests stand outside the package, because the list of all members imports this
// package.
var SetGracefulRestart = setGracefulRestart

// ApplyNodeSpeaker applies a plan's configuration to the addon that speaks BGP on the nodes.
func ApplyNodeSpeaker(ctx context.Context, l *Lab, kube *cluster.Kube, p *plan.Plan) error {
	return l.applyNodeSpeaker(ctx, kube, p)
}

// Negotiated waits until sessions have negotiated the plan's graceful restart.
func Negotiated(ctx context.Context, l *Lab, p *plan.Plan) error { return l.negotiated(ctx, p) }

// NodeAt names the cluster node with an address.
func (w *Who) NodeAt(ctx context.Context, a netip.Addr) string { return w.nodeAt(ctx, a) }

// NodeOf names the cluster node with a MAC.
func (w *Who) NodeOf(ctx context.Context, mac string) string { return w.nodeOf(ctx, mac) }

// Neighbour names the node whose MAC a client has for an address.
func (w *Who) Neighbour(ctx context.Context, from string, to netip.Addr) ([]string, error) {
	return w.neighbour(ctx, from, to)
}

// FirstRouter names the first router on a node's path.
func (w *Who) FirstRouter(ctx context.Context, from string) (string, error) {
	return w.firstRouter(ctx, from)
}
