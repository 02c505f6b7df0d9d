// Package router runs routers, whatever their software, by the same verbs.
package router

import (
	"context"

	"skidpad.dev/skidpad/lab/bgp"
)

// Router is a router of a lab. Its methods may be called from several goroutines, those that change it
// (Start, Apply, Restart, Stop) one at a time.
type Router interface {
	// Name is the scenario's name: r1.
	Name() string
	// Render makes the configuration in the software's own language, from the plan.
	Render() (string, error)
	// Start makes the router run, where it does not yet, and waits until it answers. Peers are not waited for.
	Start(ctx context.Context) error
	// Apply brings a running router to the plan's configuration, which is checked before anything changes.
	Apply(ctx context.Context) error
	// Sessions are the BGP sessions, by peer.
	Sessions(ctx context.Context) ([]bgp.Session, error)
	// Routes are the RIB: what BGP learned, used or not, by prefix.
	Routes(ctx context.Context) ([]bgp.Route, error)
	// FIB is what the kernel forwards by, of all origins, by prefix.
	FIB(ctx context.Context) ([]bgp.Route, error)
	// Shut shuts BGP sessions down administratively until Open. A router that is restarted has forgotten it. Of a range's
	// peers none can be shut alone.
	Shut(ctx context.Context, of bgp.Peers) error
	// Open ends what Shut began.
	Open(ctx context.Context, of bgp.Peers) error
	// Reset ends sessions, which come up again.
	Reset(ctx context.Context, of bgp.Peers) error
	// Refresh asks peers for their routes and sends its own anew (RFC 2918); sessions stay.
	Refresh(ctx context.Context, of bgp.Peers) error
	// Restart ends the router, runs it again, with the gateways' members in its namespaces, and waits as Start does.
	Restart(ctx context.Context) error
	// Stop ends the router and the gateways' members in its namespaces. Restart brings them back.
	Stop(ctx context.Context) error
}
