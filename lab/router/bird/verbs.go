package bird

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
)

// Shut shuts sessions down administratively until Open. A restart undoes Shut.
func (r *Router) Shut(ctx context.Context, of bgp.Peers) error {
	listening, sessions, err := r.protocols(ctx, of)
	if err != nil {
		return err
	}
	return r.each(ctx, "disable", append(listening, sessions...)) // first no new peers, then the existing sessions
}

// Open ends the effect of Shut.
func (r *Router) Open(ctx context.Context, of bgp.Peers) error {
	listening, sessions, err := r.protocols(ctx, of)
	if err != nil {
		return err
	}
	return r.each(ctx, "enable", append(listening, sessions...))
}

// Reset ends sessions. The sessions come up again.
func (r *Router) Reset(ctx context.Context, of bgp.Peers) error {
	_, sessions, err := r.protocols(ctx, of)
	if err != nil {
		return err
	}
	return r.each(ctx, "restart", sessions)
}

// Refresh asks peers for their routes and sends the router's own routes again (RFC 2918). Sessions stay.
func (r *Router) Refresh(ctx context.Context, of bgp.Peers) error {
	_, sessions, err := r.protocols(ctx, of)
	if err != nil {
		return err
	}
	return r.each(ctx, "reload", sessions)
}

// protocols returns the protocols that wait for peers of a range, and the protocols with one peer each.
func (r *Router) protocols(ctx context.Context, of bgp.Peers) (listening, sessions []string, err error) {
	out, err := r.birdc(ctx, "show protocols all")
	if err != nil {
		return nil, nil, fmt.Errorf("sessions of %s: %w", r.Name(), err)
	}
	listening, sessions = pick(parseProtocols(out), of, r.Plan.BGP)
	if len(listening)+len(sessions) == 0 {
		err = of.Nobody(r.Name())
	}
	return listening, sessions, err
}

// pick finds the protocols of peers by name, in order.
func pick(all map[string]protocol, of bgp.Peers, s *plan.Speaker) (listening, sessions []string) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].kind != "BGP" {
			continue
		}
		if i := slices.IndexFunc(s.Ranges, func(g plan.Range) bool { return protocolName(g) == name }); i >= 0 {
			if of.All() || slices.Contains(of.Ranges, s.Ranges[i].Name) {
				listening = append(listening, name)
			}
			continue
		}
		peer, _ := addressOf(all[name].fields["Neighbor address"])
		if of.Has(peer, s.RangeOf(peer)) {
			sessions = append(sessions, name)
		}
	}
	return listening, sessions
}

// each runs the same birdc command on every protocol, and checks that the answer names each protocol.
func (r *Router) each(ctx context.Context, verb string, protocols []string) error {
	for _, name := range protocols {
		out, err := r.birdc(ctx, verb+` "`+name+`"`)
		if err != nil {
			return fmt.Errorf("%s: %s %s: %w", r.Name(), verb, name, err)
		}
		if !strings.Contains(string(out), name+": ") {
			return fmt.Errorf("%s: %s %s: BIRD says %q, wanted it to say what it did", r.Name(), verb, name, out)
		}
	}
	return nil
}
