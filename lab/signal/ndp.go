package signal

import (
	"context"
	"fmt"
	"net/netip"

	"skidpad.dev/skidpad/lab/scenario"
)

// NDP shows the MACs that answer a neighbour solicitation for an IPv6 address (RFC 4861, 7.2), with the owners. The node
// asks three times on its own segment; each MAC that answers counts once.
type NDP struct{ Asks }

// Validate checks the sender, its link, the names in the address, and its IP family.
func (s *NDP) Validate(v *scenario.Validation, path string) {
	s.Asks.Validate(v, path)
	if at, err := netip.ParseAddr(s.Address); err == nil && !at.Is6() {
		v.Add(path+".address", "seen %s, want an IPv6 address; of IPv4 addresses the signal arp tells the owners", at)
	}
}

// Read asks, and names the owner of each MAC.
func (s *NDP) Read(ctx context.Context, r *Run) (Value, error) {
	at, err := r.address(ctx, s.Address)
	if err != nil {
		return Value{}, err
	}
	if !at.Is6() {
		return Value{}, fmt.Errorf("ndp: seen %s for %s, want an IPv6 address", at, s.Address)
	}
	return r.whoHas(ctx, s.From, s.Network, at)
}
