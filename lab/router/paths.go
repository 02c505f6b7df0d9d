package router

import (
	"context"
	"net/netip"

	"skidpad.dev/skidpad/lab/bgp"
)

// Detailer is a router whose table of all routes lacks path attributes. Detail returns the paths to one prefix with all
// attributes; none if the router has no route.
type Detailer interface {
	Detail(ctx context.Context, to netip.Prefix) ([]bgp.Path, error)
}

// Table is a router with a table of routes.
type Table interface {
	Routes(ctx context.Context) ([]bgp.Route, error)
}

// Paths returns a router's paths to a prefix, with all attributes.
func Paths(ctx context.Context, r Table, to netip.Prefix) ([]bgp.Path, error) {
	if d, ok := r.(Detailer); ok {
		return d.Detail(ctx, to)
	}
	all, err := r.Routes(ctx)
	if err != nil {
		return nil, err
	}
	found, _ := bgp.Find(all, to)
	return found.Paths, nil
}
