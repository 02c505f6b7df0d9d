package fault

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Partition drops the packets that this node and Peer send to each other.
type Partition struct {
	Node string `json:"partition"`
	// Network is the network of the packets; default: all networks of both nodes.
	Network string `json:"network,omitempty"`
	// Peer is the other node.
	Peer string `json:"peer" help:"the other end: a node; for BGP also nodes, for neighbours also a gateway or an address"`
	// Direction is as seen from the node; default both.
	Direction string `json:"direction,omitempty" jsonschema:"enum=in,enum=out" help:"in or out, as seen from NODE (default: both)"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Partition) About() About {
	return About{What: "nothing passes between it and a peer", Requires: netdevOptions}
}

// Validate checks the two nodes and the network.
func (f *Partition) Validate(v *scenario.Validation, path string) {
	onNetwork(v, path, "partition", f.Node, f.Network)
	otherNode(v, path+".peer", f.Node, f.Peer, f.Network)
}

// String describes the fault.
func (f *Partition) String() string {
	return words(f, fmt.Sprintf("partition %s from %s", f.Node, f.Peer), "peer")
}

// Bound is the bound of the sessions between the two nodes.
func (f *Partition) Bound(c Case) *bound.Bound { return c.parted(f.Node, f.Peer) }

// APIBound is the bound of a silent control plane.
func (f *Partition) APIBound(p *plan.Plan) *bound.Bound { return apiSilent(p, f.Node) }

func (f *Partition) action(s spot) action {
	return s.filter(func(ctx context.Context) ([]layer, error) {
		return s.between(ctx, f.Network, f.Peer, f.Direction, []match{{}})
	})
}
