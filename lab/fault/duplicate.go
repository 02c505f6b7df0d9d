package fault

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab/scenario"
)

// Duplicate sends Percent of that node's packets twice, at random. The copy follows the packet at once.
type Duplicate struct {
	Node string `json:"duplicate"`
	// Network is the network of the packets; default: all networks of the node.
	Network string `json:"network,omitempty"`
	// Percent is the share of packets that are sent twice.
	Percent float64 `json:"percent" jsonschema:"exclusiveMinimum=0,maximum=100" help:"of packets"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Duplicate) About() About {
	return About{What: "packets that it sends, sent twice at random", Requires: netdevOptions + ", NFT_NUMGEN, NFT_DUP_NETDEV", Unbounded: "no packet is lost"}
}

// Validate checks the node and the network.
func (f *Duplicate) Validate(v *scenario.Validation, path string) {
	onNetwork(v, path, "duplicate", f.Node, f.Network)
}

// String describes the fault.
func (f *Duplicate) String() string { return words(f, "duplicate packets of "+f.Node) }

func (f *Duplicate) action(s spot) action {
	return s.filter(func(ctx context.Context) ([]layer, error) { return f.layers(ctx, s) })
}

// layers copies at the node's own sending side.
func (f *Duplicate) layers(ctx context.Context, s spot) ([]layer, error) {
	own := layer{at: s.at}
	err := s.in.inside(ctx, s.at, func(ns *netns) error {
		for _, n := range s.at.on(f.Network) {
			link, err := ns.LinkByName(s.at.device(n))
			if err != nil {
				return fmt.Errorf("interface %s: %w", s.at.device(n), err)
			}
			own.drops = append(own.drops, drop{Device: s.at.device(n), Egress: true, Percent: f.Percent, Twice: link.Attrs().Index})
		}
		return nil
	})
	return []layer{own}, err
}
