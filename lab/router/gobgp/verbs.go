package gobgp

import (
	"context"
	"fmt"
	"net/netip"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
)

// Shut shuts sessions down administratively until Open; a router that is restarted has forgotten it. GoBGP forgets a peer of a
// range when its session ends, and takes it again when it dials: it shuts configured neighbours only.
func (r *Router) Shut(ctx context.Context, of bgp.Peers) error {
	if len(of.Ranges) > 0 || of.All() && len(r.Plan.BGP.Ranges) > 0 {
		return fmt.Errorf("router %s: GoBGP shuts no peers of a range; name a neighbour, or have BGP dropped", r.Name())
	}
	return r.each(ctx, of, "disable")
}

// Open ends what Shut began.
func (r *Router) Open(ctx context.Context, of bgp.Peers) error { return r.each(ctx, of, "enable") }

// Reset ends sessions, which come up again.
func (r *Router) Reset(ctx context.Context, of bgp.Peers) error { return r.each(ctx, of, "reset") }

// Refresh asks peers for their routes and sends its own anew (RFC 2918); sessions stay.
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
		if !of.Has(s.Peer, rangeOf(r.Plan.BGP.Ranges, s.Peer)) {
			continue
		}
		met = true
		if _, err := r.gobgp(ctx, "neighbor", s.Peer.String(), verb); err != nil {
			return fmt.Errorf("%s: session with %s: %s: %w", r.Name(), s.Peer, verb, err)
		}
	}
	if !met && len(of.Ranges) == 0 { // of a range nobody may be there
		return of.Nobody(r.Name())
	}
	return nil
}

// rangeOf is the name of the range that a peer is of; nothing where it is of none.
func rangeOf(ranges []plan.Range, peer netip.Addr) string {
	for _, g := range ranges {
		if g.Prefix.Contains(peer) {
			return g.Name
		}
	}
	return ""
}
