package bird

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
)

// Shut shuts sessions down administratively until Open; a router that is restarted has forgotten it.
func (r *Router) Shut(ctx context.Context, of bgp.Peers) error {
	listening, sessions, err := r.protocols(ctx, of)
	if err != nil {
		return err
	}
	return r.each(ctx, "disable", append(listening, sessions...)) // first nobody new, then those there are
}

// Open ends what Shut began.
func (r *Router) Open(ctx context.Context, of bgp.Peers) error {
	listening, sessions, err := r.protocols(ctx, of)
	if err != nil {
		return err
	}
	return r.each(ctx, "enable", append(listening, sessions...))
}

// Reset ends sessions, which come up again.
func (r *Router) Reset(ctx context.Context, of bgp.Peers) error {
	_, sessions, err := r.protocols(ctx, of)
	if err != nil {
		return err
	}
	return r.each(ctx, "restart", sessions)
}

// Refresh asks peers for their routes and sends its own anew (RFC 2918); sessions stay.
func (r *Router) Refresh(ctx context.Context, of bgp.Peers) error {
	_, sessions, err := r.protocols(ctx, of)
	if err != nil {
		return err
	}
	return r.each(ctx, "reload", sessions)
}

// protocols are those that take the peers of a range, and those of one peer each.
func (r *Router) protocols(ctx context.Context, of bgp.Peers) (listening, sessions []string, err error) {
	out, err := r.birdc(ctx, "show protocols all")
	if err != nil {
		return nil, nil, fmt.Errorf("sessions of %s: %w", r.Name(), err)
	}
	listening, sessions = pick(parseProtocols(out), of, r.Plan.BGP.Ranges)
	if len(listening)+len(sessions) == 0 {
		err = of.Nobody(r.Name())
	}
	return listening, sessions, err
}

// pick finds the protocols of peers by name, in order. BIRD calls each peer of a range by the range's name and a number.
func pick(all map[string]protocol, of bgp.Peers, ranges []plan.Range) (listening, sessions []string) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].kind != "BGP" {
			continue
		}
		if i := slices.IndexFunc(ranges, func(g plan.Range) bool { return protocolName(g.Name) == name }); i >= 0 {
			if of.All() || slices.Contains(of.Ranges, ranges[i].Name) {
				listening = append(listening, name)
			}
			continue
		}
		peer, _ := netip.ParseAddr(all[name].fields["Neighbor address"])
		if of.Has(peer, strings.TrimRight(name, "0123456789")) {
			sessions = append(sessions, name)
		}
	}
	return listening, sessions
}

// each has birdc do the same to every protocol, and looks that each was named in the answer.
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
