package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// tableWithin is the default deadline of a table: twelve times the time of 100,000 routes on a quiet machine.
const tableWithin = scenario.Duration(time.Minute)

// maxSample bounds the addresses that are asked.
const maxSample = 1000

// FullTable promises that every prefix of a generated table (routers[].bgp.table) is in the FIB of each router. With from,
// addresses in one prefix of a hundred, at most 1000 addresses, answer a ping (ICMP echo, RFC 792).
type FullTable struct {
	Of string `json:"of"` // the router with the table
	// Routers default to all others that put BGP routes into the kernel.
	Routers []string          `json:"routers,omitempty"`
	From    string            `json:"from,omitempty"`   // a client or router that pings; default: no pings
	Within  scenario.Duration `json:"within,omitempty"` // default 60 s
}

// SetDefaults fills in the routers and the deadline.
func (c *FullTable) SetDefaults(s *scenario.Spec) {
	scenario.Or(&c.Within, tableWithin)
	if c.Routers == nil {
		for _, r := range s.Routers {
			if r.Name != c.Of && (r.BGP != nil || r.IsNative()) {
				c.Routers = append(c.Routers, r.Name)
			}
		}
	}
}

// Validate checks the names.
func (c *FullTable) Validate(v *scenario.Validation, path string) {
	v.Speaker(path+".of", c.Of)
	if r := v.Spec().Router(c.Of); r != nil && (r.BGP == nil || r.BGP.Table == nil) {
		v.Add(path+".of", "seen %q, which has no bgp.table, want a router that generates a table", c.Of)
	}
	wantForwarders(v, path+".routers", c.Routers)
	if c.From != "" {
		var known []string
		for _, x := range v.Spec().Clients {
			known = append(known, x.Name)
		}
		for _, r := range v.Spec().Routers {
			known = append(known, r.Name)
		}
		if !slices.Contains(known, c.From) {
			v.Unknown(path+".from", c.From, "client or router", known)
		}
	}
}

// Title names the generator and the routers.
func (c *FullTable) Title() string {
	return fmt.Sprintf("table of %s on %s", c.Of, strings.Join(c.Routers, ", "))
}

// Cost returns Looks.
func (*FullTable) Cost() Cost { return Looks }

// Sends returns nil.
func (*FullTable) Sends() *scenario.Probe { return nil }

// Run has a result for all routers.
func (c *FullTable) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	results := []Result{{Name: c.Title(), Expected: "every prefix of the table in the FIB of each router"}}
	i := slices.IndexFunc(p.Routers, func(r plan.Router) bool { return r.Name == c.Of })
	if i < 0 || p.Routers[i].BGP == nil || p.Routers[i].BGP.Table == nil {
		cannotLook(results, indices(results), fmt.Errorf("the lab has no router %s with a table", c.Of))
		return results
	}
	table := p.Routers[i].BGP.Table
	results[0].Expected = fmt.Sprintf("%d prefixes from %s in the FIB of each router", table.Routes, table.Nth(0))
	if c.From != "" {
		results[0].Expected += fmt.Sprintf(", and answers from %d addresses to %s", len(sample(table)), c.From)
	}
	until(ctx, c.Within.Std(), results, func(ctx context.Context, _ []int) {
		held, observed := c.look(ctx, l, table)
		results[0].outcome(held, observed)
	})
	return results
}

// look counts the prefixes first: reading all of them takes long.
func (c *FullTable) look(ctx context.Context, l Lab, table *scenario.Table) (held bool, observed string) {
	answers := ask(ctx, l, c.Routers, func(ctx context.Context, r live.Router) string {
		n, err := prefixesOf(ctx, l, r.Name(), table.From)
		switch {
		case err != nil:
			return err.Error()
		case n != table.Routes:
			return fmt.Sprintf("%s has %d prefixes", r.Name(), n)
		}
		have, err := r.FIB(ctx)
		if err != nil {
			return err.Error()
		}
		there := bgp.ByPrefix(have)
		for prefix := range table.Prefixes() {
			if len(there[prefix].NextHops) == 0 {
				return fmt.Sprintf("%s has no route for %s", r.Name(), prefix)
			}
		}
		return ""
	}, func(err error) string { return err.Error() })
	var wrong []string
	for _, name := range c.Routers {
		if answers[name] != "" {
			wrong = append(wrong, answers[name])
		}
	}
	if len(wrong) > 0 {
		return false, strings.Join(wrong, "; ")
	}
	observed = fmt.Sprintf("%d of %d prefixes on each", table.Routes, table.Routes)
	if c.From == "" {
		return true, observed
	}
	asked := sample(table)
	silent, err := ping(ctx, l, c.From, asked)
	if err != nil {
		return false, err.Error()
	}
	observed += fmt.Sprintf("; %d of %d addresses answer %s", len(asked)-len(silent), len(asked), c.From)
	if len(silent) > 0 {
		observed += "; silent: " + join(silent[:min(5, len(silent))])
	}
	return len(silent) == 0, observed
}

// prefixesOf returns the number of prefixes within a range in the main table of a router's kernel.
func prefixesOf(ctx context.Context, l Lab, router string, within netip.Prefix) (int, error) {
	n, err := l.Node(router)
	if err != nil {
		return 0, err
	}
	out, err := n.Exec(ctx, "sh", "-c", "ip -N -4 route show root "+within.Masked().String()+" | grep -c ^[0-9] || true")
	if err != nil {
		return 0, fmt.Errorf("%s cannot be asked: %w: %s", n.Name(), err, out)
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}

// sample returns an address in every hundredth prefix of a table, or fewer, spread over the table; the first and the last
// prefix are among them.
func sample(t *scenario.Table) []netip.Addr {
	n := min(max(t.Routes/100, 1), maxSample)
	all := make([]netip.Addr, 0, n+1)
	for i := range n {
		all = append(all, inside(t.Nth(i*t.Routes/n)))
	}
	if last := inside(t.Nth(t.Routes - 1)); all[n-1] != last {
		all = append(all, last)
	}
	return all
}

// inside returns an address of a prefix: the first after the prefix's own.
func inside(p netip.Prefix) netip.Addr {
	if p.IsSingleIP() {
		return p.Addr()
	}
	return p.Addr().Next()
}

// ping asks addresses, some at the same time, and returns the silent ones.
func ping(ctx context.Context, l Lab, from string, addresses []netip.Addr) (silent []netip.Addr, err error) {
	n, err := l.Node(from)
	if err != nil {
		return nil, err
	}
	var list strings.Builder
	for _, a := range addresses {
		list.WriteString(a.String() + "\n")
	}
	out, err := n.ExecInput(ctx, []byte(list.String()), "xargs", "-P", "8", "-n", "1", "sh", "-c", `ping -n -q -c 1 -W 2 "$0" >/dev/null || echo "$0"`)
	if err != nil {
		return nil, fmt.Errorf("%s cannot ping: %w: %s", from, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if a, err := netip.ParseAddr(strings.TrimSpace(line)); err == nil {
			silent = append(silent, a)
		}
	}
	return silent, nil
}
