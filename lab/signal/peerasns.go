package signal

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab/bgp"
)

// PeerASNs shows the ASNs that established peers of a router opened with.
type PeerASNs struct{ Speaks }

// Read asks the router.
func (s *PeerASNs) Read(ctx context.Context, r *Run) (Value, error) {
	return s.each(ctx, r, func(b bgp.Session) string {
		if b.State != bgp.Established {
			return ""
		}
		return fmt.Sprint(b.PeerASN)
	})
}
