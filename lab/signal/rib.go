package signal

import (
	"context"
	"fmt"
	"net/netip"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/scenario"
)

// RIB shows the next hops that a router's BGP has for an address or a prefix, by the names of the owners.
type RIB struct{ Route }

// Validate checks the router and the names in the target.
func (s *RIB) Validate(v *scenario.Validation, path string) {
	v.Addressed(path+".to", s.To, true)
	v.Router(path+".node", s.Node)
}

// Read asks the router.
func (s *RIB) Read(ctx context.Context, r *Run) (Value, error) {
	return s.nextHops(ctx, r, func() ([]bgp.Route, error) {
		router, err := r.Lab.Router(s.Node)
		if err != nil {
			return nil, err
		}
		return router.Routes(ctx)
	})
}

// Route are the fields of a signal about one route.
type Route struct {
	byContent
	withoutDefaults
	Node string `json:"node"` // a router; for the FIB, any node
	To   string `json:"to"`   // a prefix or an address; the route of exactly that prefix counts
}

// prefix is the prefix of the route.
func (s *Route) prefix(ctx context.Context, r *Run) (netip.Prefix, error) {
	text, err := r.Fill(ctx, s.To)
	if err != nil {
		return netip.Prefix{}, err
	}
	prefix, err := netip.ParsePrefix(text)
	if err == nil {
		return prefix, nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("seen %q, want an address or a prefix", text)
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}

// nextHops are the next hops of one prefix among all routes, by the names of the owners.
func (s *Route) nextHops(ctx context.Context, r *Run, routes func() ([]bgp.Route, error)) (Value, error) {
	prefix, err := s.prefix(ctx, r)
	if err != nil {
		return Value{}, err
	}
	all, err := routes()
	if err != nil {
		return Value{}, err
	}
	found, _ := bgp.Find(all, prefix)
	owners := r.owners(ctx)
	var hops []string
	for _, h := range found.NextHops {
		switch {
		case owners[h.Address] != "":
			hops = append(hops, owners[h.Address])
		case h.Address.IsValid():
			hops = append(hops, h.Address.String())
		default:
			hops = append(hops, "dev "+h.Interface)
		}
	}
	return Texts(hops...), nil
}
