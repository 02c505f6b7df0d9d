package gobgp

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab/bgp"
)

// Shut shuts sessions down administratively until Open. A restart undoes Shut. GoBGP forgets a peer of a range when the
// session ends, and accepts the peer again when the peer dials: Shut works for configured neighbours only.
func (r *Router) Shut(ctx context.Context, of bgp.Peers) error {
	if len(of.Ranges) > 0 || of.All() && len(r.Plan.BGP.Ranges) > 0 {
		return fmt.Errorf("router %s: GoBGP shuts no peers of a range; name a neighbour, or have BGP dropped", r.Name())
	}
	return r.each(ctx, of, "disable")
}

// Open ends the effect of Shut.
func (r *Router) Open(ctx context.Context, of bgp.Peers) error { return r.each(ctx, of, "enable") }

// Reset ends sessions. The sessions come up again.
func (r *Router) Reset(ctx context.Context, of bgp.Peers) error { return r.each(ctx, of, "reset") }

// Refresh asks peers for their routes and sends the router's own routes again (RFC 2918). Sessions stay.
func (r *Router) Refresh(ctx context.Context, of bgp.Peers) error {
	return r.each(ctx, of, "softreset")
}

func (r *Router) each(ctx context.Context, of bgp.Peers, verb string) error {
	sessions, err := r.Sessions(ctx)
	if err != nil {
		return err
	}
	met := false
	for _, s := range sessions {
		if !of.Has(s.Peer, r.Plan.BGP.RangeOf(s.Peer)) {
			continue
		}
		met = true
		if _, err := r.gobgp(ctx, "neighbor", s.Peer.String(), verb); err != nil {
			return fmt.Errorf("%s: session with %s: %s: %w", r.Name(), s.Peer, verb, err)
		}
	}
	if !met && len(of.Ranges) == 0 { // a range may have no peers
		return of.Nobody(r.Name())
	}
	return nil
}
