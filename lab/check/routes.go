package check

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// RouteRow is one wanted route on one router.
type RouteRow struct {
	Router string       `json:"router"`
	Prefix netip.Prefix `json:"prefix,omitzero"`
	Of     string       `json:"of,omitempty"`    // the node of the pod CIDR
	RIB    []netip.Addr `json:"rib"`             // next hops in use
	FIB    []netip.Addr `json:"fib"`             // next hops in the kernel
	Error  string       `json:"error,omitempty"` // empty if the route holds
}

// wantedRoute is a prefix with its permitted next hops, and their least number.
type wantedRoute struct {
	prefix netip.Prefix
	of     string
	via    []netip.Addr
	least  int
}

// seenRoutes is a router's answer, or the error.
type seenRoutes struct {
	rib, fib []bgp.Route
	err      error
}

// Routes promises a route for each advertised address, in RIB and FIB of the routers.
type Routes struct {
	Routers  []string          `json:"routers,omitempty"` // default: every router
	To       []scenario.Target `json:"to,omitempty"`      // pod (each node's pod CIDR; with bird among the addons, the cluster's), clusterIP, externalIP, loadBalancer
	Workload string            `json:"workload,omitempty"`
	// Prefixes are further prefixes with a route, whoever announces them.
	Prefixes []netip.Prefix `json:"prefixes,omitempty" jsonschema:"example=203.0.113.0/24,example=2001:db8:203::/48"`
	// Absent are prefixes without a route for 2 s, while all of Prefixes have a route.
	Absent []netip.Prefix `json:"absent,omitempty" jsonschema:"example=203.0.113.0/24,example=2001:db8:203::/48"`
	// Tables are the tables with the routes of Prefixes and Absent: rib (BGP's), fib (the kernel's); default both. Software
	// that does not forward by BGP, such as exabgp, has a rib only.
	Tables []Table `json:"tables,omitempty" jsonschema:"enum=rib,enum=fib"`
	// NextHops is the least number of next hops for a service address, or the cluster's pod CIDR; default 1.
	NextHops int `json:"nextHops,omitempty" jsonschema:"minimum=1,maximum=256"`
	// Communities are on the best path of every route to an address of a Service and to Prefixes, and Without are on none of
	// these (RFC 1997, RFC 8092).
	Communities []scenario.Community `json:"communities,omitempty" jsonschema:"example=64512:100"`
	Without     []scenario.Community `json:"without,omitempty" jsonschema:"example=64512:200"`
	Within      scenario.Duration    `json:"within,omitempty"` // default 30 s
}

// Table is a table of routes.
type Table string

// The tables.
const (
	RIB Table = "rib"
	FIB Table = "fib"
)

// absentFor is the time for which a route must be absent.
const absentFor = 2 * time.Second

// SetDefaults fills in the workload, the number of next hops, the deadline and the routers: all that speak BGP.
func (c *Routes) SetDefaults(s *scenario.Spec) {
	scenario.Or(&c.Workload, s.FirstWorkload())
	scenario.Or(&c.NextHops, 1)
	scenario.Or(&c.Within, scenario.DefaultWithin)
	if c.Routers == nil {
		for _, router := range s.Routers {
			if router.BGP != nil || router.IsNative() {
				c.Routers = append(c.Routers, router.Name)
			}
		}
	}
}

// Validate checks the routers, the targets and the number of next hops.
func (c *Routes) Validate(v *scenario.Validation, path string) {
	v.Repeated(path+".routers", c.Routers)
	v.NotEmpty(path+".routers", len(c.Routers))
	for j, name := range c.Routers {
		at := fmt.Sprintf("%s.routers[%d]", path, j)
		v.Speaker(at, name)
		if r := v.Spec().Router(name); r != nil && (len(c.To) > 0 || c.asks(FIB)) {
			v.Needs(at, r, scenario.ForwardsByBGP, fmt.Sprintf("%q, whose %s puts no routes into the kernel", name, r.Software))
		}
	}
	c.validatePrefixes(v, path)
	v.Communities(path+".communities", c.Communities)
	v.Communities(path+".without", c.Without)
	if len(c.To) == 0 && len(c.Prefixes)+len(c.Absent)+len(c.Tables) > 0 {
		return
	}
	v.Targets(path, c.To, c.Workload)
	if j := slices.Index(c.To, scenario.TargetNodePort); j >= 0 {
		v.Add(fmt.Sprintf("%s.to[%d]", path, j), "seen nodePort, want what is announced: pod, clusterIP, externalIP or loadBalancer")
	}
	if most := len(v.Spec().NodeNames()); c.NextHops > most {
		v.Add(path+".nextHops", "seen %d, want at most %d, the number of nodes", c.NextHops, most)
	}
}

// validatePrefixes checks the prefixes and their tables.
func (c *Routes) validatePrefixes(v *scenario.Validation, path string) {
	if len(c.Absent) > 0 && len(c.Prefixes) == 0 {
		v.Add(path+".absent", "seen it without prefixes, want a route of the same peer in prefixes: without a session, every route is absent")
	}
	if len(c.Absent) > 0 && len(c.Prefixes) > 0 {
		c.validateGuard(v, path)
	}
	for i, p := range c.Absent {
		if slices.Contains(c.Prefixes, p) {
			v.Add(fmt.Sprintf("%s.absent[%d]", path, i), "seen %s, which is among prefixes, want it in one of them", p)
		}
	}
	for i, t := range c.Tables {
		if slices.Index(c.Tables, t) < i {
			v.Add(fmt.Sprintf("%s.tables[%d]", path, i), "seen %q twice, want it once", t)
		}
	}
	if len(c.Tables) > 0 && len(c.Prefixes) == 0 {
		v.Add(path+".tables", "seen it without prefixes, want prefixes, or no tables")
	}
}

// validateGuard checks that each router has a prefix that proves a session: a prefix that the router has from no other source.
func (c *Routes) validateGuard(v *scenario.Validation, path string) {
	for _, name := range c.Routers {
		r := v.Spec().Router(name)
		if r == nil {
			continue
		}
		own := v.Spec().PrefixesOf(r)
		if !slices.ContainsFunc(c.Prefixes, func(p netip.Prefix) bool { return !slices.Contains(own, p) }) {
			v.Add(path+".absent", "seen only prefixes that %s has without a session (%s), want a route that a peer announces in prefixes: without a session, every route is absent", name, joinPrefixes(c.Prefixes))
		}
	}
}

// asks reports whether the check looks for prefixes in a table.
func (c *Routes) asks(t Table) bool {
	return len(c.Prefixes) > 0 && (len(c.Tables) == 0 || slices.Contains(c.Tables, t))
}

// Title names the routers.
func (c *Routes) Title() string { return "routes on " + strings.Join(c.Routers, ", ") }

// Cost returns Looks.
func (*Routes) Cost() Cost { return Looks }

// Sends returns nil.
func (*Routes) Sends() *scenario.Probe { return nil }

// Run has a result for each kind of target.
func (c *Routes) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	names := c.Routers
	if len(names) == 0 {
		for _, r := range p.Routers {
			names = append(names, r.Name)
		}
	}
	if len(c.Prefixes) > 0 {
		other := *c
		other.Prefixes = nil
		var results []Result
		if len(c.To) > 0 {
			results = other.Run(ctx, l, p)
		}
		return append(results, c.prefixes(ctx, l, names))
	}
	w, err := workloadOf(p, c.Workload)
	results := make([]Result, len(c.To))
	for i, kind := range c.To {
		results[i] = Result{Name: fmt.Sprintf("routes on %s to %s/%s", strings.Join(names, ", "), kind, w.Name)}
		results[i].Expected = fmt.Sprintf("a route in RIB and FIB for each %s address of %s, by %d nodes or more and by nobody else", kind, w.Name, max(c.NextHops, 1))
		switch {
		case kind == scenario.TargetPod && len(whole(p)) > 0:
			results[i].Expected = fmt.Sprintf("a route in RIB and FIB for the whole pod CIDR, by %d nodes or more and by nobody else", max(c.NextHops, 1))
		case kind == scenario.TargetPod:
			results[i].Expected = "a route in RIB and FIB for each node's pod CIDR, by that node"
		}
	}
	if err != nil || len(names) == 0 {
		cannotLook(results, indices(results), errors.Join(err, orNil(len(names) == 0, "the plan has no router")))
		return results
	}
	until(ctx, c.Within.Std(), results, func(ctx context.Context, open []int) {
		endpoints, err := l.Endpoints(ctx, w.Name)
		nodes, nodesErr := l.ClusterNodes(ctx)
		if err := errors.Join(err, nodesErr); err != nil {
			cannotLook(results, open, err)
			return
		}
		seen := readRoutes(ctx, l, names)
		for _, i := range open {
			wanted, missing := wantedRoutes(c.To[i], endpoints, nodes, max(c.NextHops, 1), whole(p))
			held, observed, rows := judgeRoutes(names, wanted, missing, seen)
			if c.To[i] != scenario.TargetPod && held {
				if problems := c.marked(ctx, l, names, wanted); len(problems) > 0 {
					held, observed = false, strings.Join(problems, "; ")
				}
			}
			results[i].outcome(held, observed)
			results[i].Routes = rows
		}
	})
	return results
}

func readRoutes(ctx context.Context, l Lab, names []string) map[string]seenRoutes {
	return ask(ctx, l, names, func(ctx context.Context, r live.Router) seenRoutes {
		rib, ribErr := r.Routes(ctx)
		fib, fibErr := r.FIB(ctx)
		return seenRoutes{rib, fib, errors.Join(ribErr, fibErr)}
	}, func(err error) seenRoutes { return seenRoutes{err: err} })
}

// marked returns the routes with the wrong communities on their best path.
func (c *Routes) marked(ctx context.Context, l Lab, names []string, wanted []wantedRoute) []string {
	var problems []string
	if len(c.Communities)+len(c.Without) == 0 {
		return nil
	}
	answers := ask(ctx, l, names, func(ctx context.Context, r live.Router) []string {
		var wrong []string
		for _, w := range wanted {
			paths, err := router.Paths(ctx, r, w.prefix)
			if err != nil {
				return []string{r.Name() + " cannot be asked: " + err.Error()}
			}
			if fault := c.fault(paths); fault != "" {
				wrong = append(wrong, fmt.Sprintf("%s: %s %s", r.Name(), w, fault))
			}
		}
		return wrong
	}, func(err error) []string { return []string{err.Error()} })
	for _, name := range names {
		problems = append(problems, answers[name]...)
	}
	return problems
}

// fault returns the mistake in the communities of the best of some paths, or "".
func (c *Routes) fault(paths []bgp.Path) string {
	i := slices.IndexFunc(paths, func(p bgp.Path) bool { return p.Best })
	if i < 0 {
		return "no best path"
	}
	have := slices.Concat(paths[i].Communities, paths[i].LargeCommunities)
	has := func(want scenario.Community) bool { return slices.Contains(have, bgp.Community(string(want))) }
	for _, want := range c.Communities {
		if !has(want) {
			return fmt.Sprintf("with communities %s, wanted %s among them", have, want)
		}
	}
	if i := slices.IndexFunc(c.Without, has); i >= 0 {
		return fmt.Sprintf("with communities %s, wanted none of %s", have, c.Without[i])
	}
	return ""
}

// prefixes has one result for all of Prefixes and Absent.
func (c *Routes) prefixes(ctx context.Context, l Lab, names []string) Result {
	results := []Result{{Name: fmt.Sprintf("routes on %s to %s", strings.Join(names, ", "), joinPrefixes(c.Prefixes)), Expected: "a route for each prefix"}}
	if len(c.Absent) > 0 {
		results[0].Name += ", none to " + joinPrefixes(c.Absent)
		results[0].Expected += ", and none for " + joinPrefixes(c.Absent)
	}
	var since time.Time
	until(ctx, c.Within.Std(), results, func(ctx context.Context, _ []int) {
		held, observed, rows := c.judgePrefixes(names, readRoutes(ctx, l, names))
		if held {
			var wanted []wantedRoute
			for _, p := range c.Prefixes {
				wanted = append(wanted, wantedRoute{prefix: p})
			}
			if problems := c.marked(ctx, l, names, wanted); len(problems) > 0 {
				held, observed = false, strings.Join(problems, "; ")
			}
		}
		switch {
		case !held:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		}
		if held && len(c.Absent) > 0 && time.Since(since) < absentFor {
			held, observed = false, observed+", for less than "+absentFor.String()
		}
		results[0].outcome(held, observed)
		results[0].Routes = rows
	})
	return results[0]
}

// judgePrefixes reports whether each router has a route for each of Prefixes, and none for Absent.
func (c *Routes) judgePrefixes(routers []string, seen map[string]seenRoutes) (held bool, observed string, rows []RouteRow) {
	var problems []string
	right, absent := 0, 0
	for _, name := range routers {
		s := seen[name]
		if s.err != nil {
			problems = append(problems, name+" cannot be asked: "+s.err.Error())
			rows = append(rows, RouteRow{Router: name, Error: "cannot be asked: " + s.err.Error()})
			continue
		}
		for i, p := range slices.Concat(c.Prefixes, c.Absent) {
			row := RouteRow{Router: name, Prefix: p, RIB: hops(s.rib, p), FIB: hops(s.fib, p)}
			var faults []string
			for t, routes := range map[Table][]bgp.Route{RIB: s.rib, FIB: s.fib} {
				_, there := bgp.Find(routes, p)
				switch wanted := i < len(c.Prefixes); {
				case !c.asks(t) || there == wanted:
				case wanted:
					faults = append(faults, strings.ToUpper(string(t))+": no route")
				default:
					faults = append(faults, strings.ToUpper(string(t))+": a route, wanted none")
				}
			}
			slices.Sort(faults)
			if r, _ := bgp.Find(s.rib, p); len(faults) > 0 && r.Unusable() != "" {
				faults = append(faults, "BGP's path is "+r.Unusable())
			}
			switch row.Error = strings.Join(faults, ", "); {
			case row.Error == "" && i < len(c.Prefixes):
				right++
			case row.Error == "":
				absent++
			default:
				problems = append(problems, fmt.Sprintf("%s: %s %s", name, p, row.Error))
			}
			rows = append(rows, row)
		}
	}
	observed = fmt.Sprintf("%d of %d prefixes are right", right, len(c.Prefixes)*len(routers))
	if len(c.Absent) > 0 {
		observed = fmt.Sprintf("%d of %d prefixes have a route, %d of %d have none (%s)", right, len(c.Prefixes)*len(routers), absent, len(c.Absent)*len(routers), joinPrefixes(c.Absent))
	}
	if len(problems) > 0 {
		observed += "; " + strings.Join(problems, "; ")
	}
	return len(problems) == 0 && right > 0, observed, rows
}

func joinPrefixes(all []netip.Prefix) string {
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

// whole returns the pod CIDRs of a cluster whose nodes all announce the whole CIDRs.
func whole(p *plan.Plan) []netip.Prefix {
	if n := p.Scenario.Spec.NodeSpeaker(); p.Cluster == nil || n == nil || !n.WholePodCIDR {
		return nil
	}
	return p.Scenario.Spec.Cluster.PodCIDRs()
}

// wantedRoutes are the routes for a kind of address. missing lists nodes and workloads without an address. whole are
// prefixes that every node announces in place of the node's own part.
func wantedRoutes(kind scenario.Target, e probe.Endpoints, nodes []live.ClusterNode, least int, whole []netip.Prefix) (wanted []wantedRoute, missing []string) {
	var all []netip.Addr
	for _, n := range nodes {
		all = append(all, n.Addresses...)
	}
	if kind == scenario.TargetPod && len(whole) > 0 {
		for _, prefix := range whole {
			wanted = append(wanted, wantedRoute{prefix: prefix, via: all, least: least})
		}
		return wanted, nil
	}
	if kind == scenario.TargetPod {
		for _, n := range nodes {
			if len(n.PodCIDRs) == 0 {
				missing = append(missing, "node "+n.Name+" has no pod CIDR")
			}
			for _, prefix := range n.PodCIDRs {
				wanted = append(wanted, wantedRoute{prefix: prefix, of: n.Name, via: n.Addresses, least: 1})
			}
		}
		if len(nodes) == 0 {
			missing = append(missing, "the cluster has no nodes")
		}
		return wanted, missing
	}
	for _, a := range e.Addresses(kind, record.HTTP) {
		ip := a.At.Addr()
		wanted = append(wanted, wantedRoute{prefix: netip.PrefixFrom(ip, ip.BitLen()), via: all, least: least})
	}
	if len(wanted) == 0 {
		missing = append(missing, fmt.Sprintf("%s has no %s address", e.Workload, kind))
	}
	return wanted, missing
}

// judgeRoutes reports whether each router has each wanted route, in RIB and FIB.
func judgeRoutes(routers []string, wanted []wantedRoute, missing []string, seen map[string]seenRoutes) (held bool, observed string, rows []RouteRow) {
	problems := slices.Clone(missing)
	right := 0
	for _, name := range routers {
		s := seen[name]
		if s.err != nil {
			problems = append(problems, name+" cannot be asked: "+s.err.Error())
			rows = append(rows, RouteRow{Router: name, Error: "cannot be asked: " + s.err.Error()})
			continue
		}
		for _, w := range wanted {
			row := w.judge(name, s)
			rows = append(rows, row)
			if row.Error != "" {
				problems = append(problems, fmt.Sprintf("%s: %s %s", name, w, row.Error))
				continue
			}
			right++
		}
	}
	observed = fmt.Sprintf("%d of %d routes are right", right, len(wanted)*len(routers))
	if len(problems) > 0 {
		observed += "; " + strings.Join(problems, "; ")
	}
	return len(problems) == 0 && right > 0, observed, rows
}

func (w wantedRoute) String() string {
	if w.of == "" {
		return w.prefix.String()
	}
	return w.prefix.String() + " of " + w.of
}

func (w wantedRoute) judge(router string, s seenRoutes) RouteRow {
	row := RouteRow{Router: router, Prefix: w.prefix, Of: w.of, RIB: hops(s.rib, w.prefix), FIB: hops(s.fib, w.prefix)}
	var faults []string
	for _, table := range []struct {
		name string
		hops []netip.Addr
	}{{"RIB", row.RIB}, {"FIB", row.FIB}} {
		if fault := w.fault(table.hops); fault != "" {
			if r, _ := bgp.Find(s.rib, w.prefix); table.name == "RIB" && r.Unusable() != "" {
				fault = r.Unusable()
			}
			faults = append(faults, table.name+": "+fault)
		}
	}
	row.Error = strings.Join(faults, ", ")
	return row
}

// fault is the mistake of a route's next hops, or "".
func (w wantedRoute) fault(via []netip.Addr) string {
	if len(via) == 0 {
		return "no route"
	}
	right := 0
	for _, hop := range via {
		if !slices.Contains(w.via, hop) {
			return fmt.Sprintf("by %s, wanted %s", join(via), join(w.via))
		}
		right++
	}
	if right < w.least {
		return fmt.Sprintf("by %s, wanted %d next hops", join(via), w.least)
	}
	return ""
}

// hops are the different next hops of a prefix; none if the route is absent or drops packets.
func hops(routes []bgp.Route, prefix netip.Prefix) []netip.Addr {
	found := []netip.Addr{}
	if r, ok := bgp.Find(routes, prefix); ok {
		for _, h := range r.NextHops {
			found = appendNew(found, h.Address)
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return found
}

func join(addresses []netip.Addr) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = "its own link"
		if a.IsValid() {
			texts[i] = a.String()
		}
	}
	return strings.Join(texts, ", ")
}

// ask asks routers side by side. A router unknown to the lab gives an error.
func ask[T any](ctx context.Context, l Lab, names []string, question func(context.Context, live.Router) T, failed func(error) T) map[string]T {
	var (
		mu    sync.Mutex
		all   sync.WaitGroup
		found = map[string]T{}
	)
	have := l.Routers()
	for _, name := range names {
		all.Go(func() {
			answer := failed(fmt.Errorf("the lab has no router %s", name))
			if i := slices.IndexFunc(have, func(r live.Router) bool { return r.Name() == name }); i >= 0 {
				answer = question(ctx, have[i])
			}
			mu.Lock()
			defer mu.Unlock()
			found[name] = answer
		})
	}
	all.Wait()
	return found
}

func orNil(is bool, text string) error {
	if is {
		return errors.New(text)
	}
	return nil
}
