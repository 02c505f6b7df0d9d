// Package router runs routers of any software with the same verbs.
package router

import (
	"context"

	"skidpad.dev/skidpad/lab/bgp"
)

// Router is a router of a lab. Several goroutines may call the methods at the same time, but the methods that change
// the router (Start, Apply, Restart, Stop) run one at a time.
type Router interface {
	// Name is the scenario's name: r1.
	Name() string
	// Render makes the configuration in the software's own language, from the plan.
	Render() (string, error)
	// Start makes the router run, unless the router runs, and waits until the software answers. Start does not wait for
	// peers.
	Start(ctx context.Context) error
	// Apply brings a running router to the plan's configuration. The software checks the configuration before anything
	// changes.
	Apply(ctx context.Context) error
	// Sessions returns the BGP sessions, by peer.
	Sessions(ctx context.Context) ([]bgp.Session, error)
	// Routes returns the RIB: all routes that BGP learned, used or not, by prefix.
	Routes(ctx context.Context) ([]bgp.Route, error)
	// FIB returns the kernel's forwarding table: routes of all origins, by prefix.
	FIB(ctx context.Context) ([]bgp.Route, error)
	// Shut shuts BGP sessions down administratively until Open. A restart undoes Shut. Shut cannot shut one peer of a
	// range alone.
	Shut(ctx context.Context, of bgp.Peers) error
	// Open ends the effect of Shut.
	Open(ctx context.Context, of bgp.Peers) error
	// Reset ends sessions. The sessions come up again.
	Reset(ctx context.Context, of bgp.Peers) error
	// Refresh asks peers for their routes and sends the router's own routes again (RFC 2918). Sessions stay.
	Refresh(ctx context.Context, of bgp.Peers) error
	// Restart ends the router and starts the router again, with the gateways' members in the router's namespaces. Then
	// Restart waits as Start does.
	Restart(ctx context.Context) error
	// Stop ends the router and the gateways' members in the router's namespaces. Restart starts all of them again.
	Stop(ctx context.Context) error
}
