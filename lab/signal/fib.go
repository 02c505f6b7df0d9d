package signal

import (
	"context"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/router/netns"
	"skidpad.dev/skidpad/lab/scenario"
)

// FIB shows the next hops that a node's kernel has for an address or a prefix, by the names of the owners.
type FIB struct{ Route }

// Validate checks the node and the names in the target.
func (s *FIB) Validate(v *scenario.Validation, path string) {
	v.Text(path+".to", s.To)
	v.Place(path+".node", s.Node)
}

// Read asks the kernel.
func (s *FIB) Read(ctx context.Context, r *Run) (Value, error) {
	return s.nextHops(ctx, r, func() ([]bgp.Route, error) {
		n, err := r.Place(ctx, s.Node)
		if err != nil {
			return nil, err
		}
		return netns.FIB(ctx, n)
	})
}
