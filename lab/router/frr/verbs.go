package frr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/bgp"
)

// Shut shuts sessions down administratively until Open. A restart undoes Shut. FRR cannot shut one peer of a range
// alone.
func (r *Router) Shut(ctx context.Context, of bgp.Peers) error { return r.shutdown(ctx, "", of) }

// Open ends the effect of Shut.
func (r *Router) Open(ctx context.Context, of bgp.Peers) error { return r.shutdown(ctx, "no ", of) }

// shutdown names every peer: after `no bgp shutdown`, bgpd 8.4.4 starts no session by itself, and two routers after a
// Shut of both would never connect again.
func (r *Router) shutdown(ctx context.Context, no string, of bgp.Peers) error {
	commands := []string{"configure terminal", fmt.Sprintf("router bgp %d", r.Plan.BGP.ASN)}
	for _, n := range r.Plan.BGP.Neighbors {
		if of.Has(n.Address, "") {
			commands = append(commands, no+"neighbor "+called(n)+" shutdown")
		}
	}
	for _, g := range r.Plan.BGP.Ranges {
		if of.All() || slices.Contains(of.Ranges, g.Name) {
			commands = append(commands, no+"neighbor "+g.Name+" shutdown")
		}
	}
	if len(commands) == 2 { // no peer to shut
		return of.Nobody(r.Name())
	}
	return r.run(ctx, commands...)
}

// Reset ends sessions. The sessions come up again.
func (r *Router) Reset(ctx context.Context, of bgp.Peers) error { return r.clear(ctx, of, "") }

// Refresh asks peers for their routes and sends the router's own routes again (RFC 2918). Sessions stay.
func (r *Router) Refresh(ctx context.Context, of bgp.Peers) error { return r.clear(ctx, of, " soft") }

func (r *Router) clear(ctx context.Context, of bgp.Peers, soft string) error {
	var commands []string
	for _, a := range of.Addresses {
		name := a.String()
		for _, n := range r.Plan.BGP.Neighbors {
			if n.Address == a {
				name = called(n)
			}
		}
		commands = append(commands, "clear bgp "+name+soft)
	}
	for _, g := range of.Ranges {
		commands = append(commands, "clear bgp peer-group "+g+soft)
	}
	if of.All() {
		commands = []string{"clear bgp *" + soft}
	}
	return r.run(ctx, commands...)
}

// run gives commands to vtysh. vtysh reports mistakes on standard output, some with exit code 0.
func (r *Router) run(ctx context.Context, commands ...string) error {
	args := []string{"vtysh"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	out, err := r.Exec(ctx, args...)
	said := strings.TrimSpace(string(out))
	if err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	if strings.Contains(said, "%") {
		return errors.New(r.Name() + ": vtysh: " + strings.Join(commands, "; ") + ": " + said)
	}
	return nil
}

// Configure gives lines of configuration to vtysh.
func (r *Router) Configure(ctx context.Context, lines []string) error {
	args := []string{"vtysh", "-c", "configure terminal"}
	for _, line := range lines {
		args = append(args, "-c", line)
	}
	if out, err := r.Exec(ctx, args...); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
