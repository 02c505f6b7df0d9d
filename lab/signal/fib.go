package signal

import (
	"context"
	"slices"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/router/netns"
	"skidpad.dev/skidpad/lab/scenario"
)

// FIB shows the next hops that a node's kernel has for an address or a prefix, by the names of the owners.
type FIB struct {
	Route
	// Protocol is the source of the route in `ip route`: bgp and ospf are FRR's, bird is BIRD's, zebra that of GoBGP. Routes of
	// other sources do not count. Default: any source.
	Protocol string `json:"protocol,omitempty" jsonschema:"enum=bgp,enum=ospf,enum=isis,enum=bird,enum=zebra,enum=static,enum=kernel,enum=boot"`
}

// Validate checks the node and the names in the target.
func (s *FIB) Validate(v *scenario.Validation, path string) {
	v.Addressed(path+".to", s.To, true)
	v.Place(path+".node", s.Node)
}

// Read asks the kernel.
func (s *FIB) Read(ctx context.Context, r *Run) (Value, error) {
	return s.nextHops(ctx, r, func() ([]bgp.Route, error) {
		n, err := r.Place(ctx, s.Node)
		if err != nil {
			return nil, err
		}
		all, err := netns.FIB(ctx, n)
		return s.of(all), err
	})
}

// of returns the routes of the protocol.
func (s *FIB) of(all []bgp.Route) []bgp.Route {
	return slices.DeleteFunc(all, func(r bgp.Route) bool { return s.Protocol != "" && r.Protocol != s.Protocol })
}
