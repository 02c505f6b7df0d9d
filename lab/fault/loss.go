package fault

import (
	"context"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/scenario"
)

// Loss drops Percent of that node's packets at random.
type Loss struct {
	Node string `json:"loss"`
	// Network is the network of the packets; default: all networks of the node.
	Network string `json:"network,omitempty"`
	// Direction is as seen from the node; default both.
	Direction string `json:"direction,omitempty" jsonschema:"enum=in,enum=out"`
	// Percent is the share of packets that are dropped.
	Percent float64 `json:"percent" jsonschema:"exclusiveMinimum=0,maximum=100" help:"of packets"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Loss) About() About {
	return About{What: "packets dropped at random", Requires: netdevOptions + ", NFT_NUMGEN", Unbounded: "packets are lost as long as the fault lasts"}
}

// Validate checks the node and the network.
func (f *Loss) Validate(v *scenario.Validation, path string) {
	onNetwork(v, path, "loss", f.Node, f.Network)
}

// String describes the fault.
func (f *Loss) String() string { return words(f, "loss at "+f.Node) }

func (f *Loss) action(s spot) action {
	return s.filter(func(ctx context.Context) ([]layer, error) { return f.layers(ctx, s) })
}

// layers loses packets of all protocols. The loss of a cluster node's incoming packets is at the neighbours' sending side.
func (f *Loss) layers(ctx context.Context, s spot) ([]layer, error) {
	own := layer{at: s.at}
	var layers []layer
	for _, n := range s.at.on(f.Network) {
		for _, d := range both(drop{Device: s.at.device(n), Percent: f.Percent}, f.Direction) {
			if d.Egress || s.at.kind != node.KindCluster {
				own.drops = append(own.drops, d)
				continue
			}
			mac, err := s.mac(ctx, s.at, n)
			if err != nil {
				return nil, err
			}
			for _, x := range s.neighbours(ctx, n) {
				layers = append(layers, layer{x, []drop{{Device: x.device(n), Egress: true, To: mac, Percent: f.Percent}}})
			}
		}
	}
	return append(layers, own), nil
}
