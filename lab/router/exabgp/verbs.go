package exabgp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
)

// Shut removes peers from the running configuration until Open: ExaBGP cannot disable a neighbor. ExaBGP sends the peer
// a notification. A restart undoes Shut.
func (r *Router) Shut(ctx context.Context, of bgp.Peers) error { return r.keep(ctx, of, true) }

// Open ends the effect of Shut.
func (r *Router) Open(ctx context.Context, of bgp.Peers) error { return r.keep(ctx, of, false) }

// keep loads the configuration without the peers to shut. The running configuration shows the peers that are already
// shut.
func (r *Router) keep(ctx context.Context, of bgp.Peers, shut bool) error {
	running, err := r.Exec(ctx, "cat", runningPath)
	if err != nil {
		return fmt.Errorf("configuration of %s: %w", r.Name(), err)
	}
	p, speaker, met := r.Plan, *r.Plan.BGP, false
	speaker.Neighbors = slices.DeleteFunc(slices.Clone(speaker.Neighbors), func(n plan.Neighbor) bool {
		if of.Has(n.Address, "") {
			met = true
			return shut
		}
		return !strings.Contains(string(running), "neighbor "+n.Address.String()+" {")
	})
	if !met {
		return of.Nobody(r.Name())
	}
	p.BGP = &speaker
	config, err := Render(p)
	if err != nil {
		return err
	}
	return r.load(ctx, config)
}

// Reset ends sessions. The sessions come up again.
func (r *Router) Reset(ctx context.Context, of bgp.Peers) error {
	return r.each(ctx, of, "neighbor %s teardown 4") // administrative reset (RFC 4486)
}

// Refresh asks peers for their routes and sends the router's own routes again (RFC 2918). Sessions stay.
func (r *Router) Refresh(ctx context.Context, of bgp.Peers) error {
	for _, v6 := range []bool{false, true} {
		some := func(n plan.Neighbor) bool { return n.Carries(v6) && of.Has(n.Address, "") }
		if !slices.ContainsFunc(r.Plan.BGP.Neighbors, some) {
			continue
		}
		if err := r.each(ctx, of, "neighbor %s announce route-refresh "+word(v6)+" unicast"); err != nil {
			return err
		}
	}
	return r.each(ctx, of, "neighbor %s flush adj-rib out")
}

func (r *Router) each(ctx context.Context, of bgp.Peers, command string) error {
	met := false
	for _, n := range r.Plan.BGP.Neighbors {
		if !of.Has(n.Address, "") {
			continue
		}
		met = true
		if _, err := r.cli(ctx, fmt.Sprintf(command, n.Address)); err != nil {
			return fmt.Errorf("%s: session with %s: %w", r.Name(), n.Name, err)
		}
	}
	if !met {
		return of.Nobody(r.Name())
	}
	return nil
}
