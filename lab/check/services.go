package check

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	defaultServices       = 1000
	defaultServicesWithin = scenario.Duration(5 * time.Minute)
	// probesAtOnce is the number of addresses in a batch of probes.
	probesAtOnce = 100
	servicePort  = 80 // of each workload
	// pollServices lies between two looks at tables with many routes. The times of the check have this resolution.
	pollServices = 200 * time.Millisecond
	// lookServices limits a look: a connection to each of 10,000 silent addresses, in batches.
	lookServices = 2 * time.Minute
	// memoryPerService is the memory of a Service in all of a lab with three nodes, in bytes: measured, see
	// docs/scale.md.
	memoryPerService = 512 << 10
)

// Services promises that many LoadBalancer Services of a workload are announced and answer. The check makes the Services, 16
// requests at a time; the workload's pods are the endpoints. Every address must be in the RIB and in the FIB of each router,
// and must answer one connection from a client. As the control, one Service is deleted: its address must leave all tables and
// fall silent, and the other addresses must stay. In the end the check deletes all its Services.
type Services struct {
	Count    int    `json:"count,omitempty" jsonschema:"minimum=2,maximum=10000"` // default 1000
	Workload string `json:"workload,omitempty"`                                   // of type LoadBalancer; default: the first workload
	// Routers default to all that put BGP routes into the kernel.
	Routers []string          `json:"routers,omitempty"`
	From    string            `json:"from,omitempty"`   // the client that probes; default: the first client
	Within  scenario.Duration `json:"within,omitempty"` // for each phase; default 5 m
}

// SetDefaults fills in all fields.
func (c *Services) SetDefaults(s *scenario.Spec) {
	scenario.Or(&c.Count, defaultServices)
	scenario.Or(&c.Within, defaultServicesWithin)
	scenario.Or(&c.Workload, s.FirstWorkload())
	if len(s.Clients) > 0 {
		scenario.Or(&c.From, s.Clients[0].Name)
	}
	if c.Routers == nil {
		for _, r := range s.Routers {
			if r.BGP != nil || r.IsNative() {
				c.Routers = append(c.Routers, r.Name)
			}
		}
	}
}

// Validate checks the names, the type of the Service, and that the pools have room.
func (c *Services) Validate(v *scenario.Validation, path string) {
	wantSessions(v, path)
	wantForwarders(v, path+".routers", c.Routers)
	var clients []string
	for _, x := range v.Spec().Clients {
		clients = append(clients, x.Name)
	}
	v.Known(path+".from", c.From, "client", clients)
	v.Workload(path+".workload", c.Workload)
	if e := v.Spec().Echo(c.Workload); e != nil && e.Service.Type != "LoadBalancer" {
		v.Add(path+".workload", "seen %s with a Service of type %s, want LoadBalancer", e.Name, cmp.Or(e.Service.Type, "ClusterIP"))
	}
	room := 0
	for _, a := range v.Spec().Addons {
		if a.Fields == nil {
			continue
		}
		_, pools := a.Pools()
		for _, p := range scenario.PoolPrefixes(pools) {
			if p.Addr().Is4() {
				room += 1 << (32 - p.Bits())
			}
		}
	}
	if c.Count+len(v.Spec().Workloads) > room {
		v.Add(path+".count", "seen %d, want at most %d: the pools have %d IPv4 addresses, and the workloads need %d", c.Count, max(room-len(v.Spec().Workloads), 0), room, len(v.Spec().Workloads))
	}
}

// Memory estimates the memory of the Services, in bytes.
func (c *Services) Memory() int64 { return int64(c.Count) * memoryPerService }

// Title names the number and the workload.
func (c *Services) Title() string { return fmt.Sprintf("%d services of %s", c.Count, c.Workload) }

// Cost returns Disturbs: the routers' tables change.
func (*Services) Cost() Cost { return Disturbs }

// Sends returns nil: each address gets a connection of its own.
func (*Services) Sends() *scenario.Probe { return nil }

// Run makes the Services, judges, deletes one, judges again, and deletes the rest.
func (c *Services) Run(ctx context.Context, l Lab, _ *plan.Plan) []Result {
	began := time.Now()
	r := Result{Name: c.Title(), Verdict: Held, Expected: fmt.Sprintf(
		"each of %d addresses in the RIB and the FIB of %s and answered to %s within %s; one withdrawn, and %d stay", c.Count, strings.Join(c.Routers, ", "), c.From, c.Within, c.Count-1)}
	said, err := c.judge(ctx, l, &r)
	if err != nil {
		said = append(said, err.Error())
		if r.Verdict = Failed; ctx.Err() != nil {
			r.Verdict = Unknown
		}
	}
	r.Observed, r.Duration = strings.Join(said, "; "), time.Since(began)
	return []Result{r}
}

// judge returns the phases with their times. An error ends the phases.
func (c *Services) judge(ctx context.Context, l Lab, r *Result) (said []string, err error) {
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	began := time.Now()
	copies, err := l.Multiply(ctx, c.Workload, c.Count)
	if copies != nil {
		defer func() {
			gone, stop := context.WithTimeout(context.WithoutCancel(ctx), c.Within.Std()+healWithin)
			defer stop()
			r.left(copies.Delete(gone))
		}()
	}
	if err != nil {
		return said, err
	}
	accepted := time.Now()
	say("%d accepted in %s", c.Count, elapsed(began))
	addresses, err := c.addresses(ctx, copies)
	if err != nil {
		return said, err
	}
	say("addresses after %s", elapsed(accepted))
	tables, err := tablesOf(l, c.Routers)
	if err != nil {
		return said, err
	}
	all := slices.SortedFunc(maps.Values(addresses), netip.Addr.Compare)
	times, err := c.arrive(ctx, l, tables, all, accepted)
	if err != nil {
		return said, err
	}
	said = append(said, times...)
	one := slices.Sorted(maps.Keys(addresses))[c.Count/2]
	gone := addresses[one]
	began = time.Now()
	if err := copies.Delete(ctx, one); err != nil {
		return said, err
	}
	if err := c.leave(ctx, tables, all, gone); err != nil {
		return said, err
	}
	say("%s withdrawn after %s, the others stay", gone, elapsed(began))
	still, err := silent(ctx, l, c.From, []netip.Addr{gone})
	if err == nil && len(still) == 0 {
		err = fmt.Errorf("%s answers without a Service", gone)
	}
	return said, err
}

// addresses waits until each Service has an address.
func (c *Services) addresses(ctx context.Context, copies Copies) (all map[string]netip.Addr, err error) {
	err = c.wait(ctx, "each Service has an address", func(ctx context.Context) (err error) {
		if all, err = copies.Addresses(ctx); err != nil {
			return err
		}
		with := 0
		for _, a := range all {
			if a.IsValid() {
				with++
			}
		}
		return short(with, c.Count, "Services have an address")
	})
	return all, err
}

// arrive waits until all addresses are in each table and have answered, and returns the time of each since accepted.
func (c *Services) arrive(ctx context.Context, l Lab, tables []routeTable, all []netip.Addr, accepted time.Time) ([]string, error) {
	times := make([]string, len(tables)+1)
	group, each := errgroup.WithContext(ctx)
	for i, table := range tables {
		group.Go(func() error {
			err := c.wait(each, table.title, func(ctx context.Context) error { return table.has(ctx, all, netip.Addr{}) })
			times[i] = fmt.Sprintf("%s after %s", table.title, elapsed(accepted))
			return err
		})
	}
	group.Go(func() error {
		open := all
		err := c.wait(each, "answers to "+c.From, func(ctx context.Context) error {
			still, err := silent(ctx, l, c.From, open)
			if err != nil {
				return err
			}
			open = still
			return short(c.Count-len(open), c.Count, "addresses have answered")
		})
		times[len(tables)] = fmt.Sprintf("answers to %s after %s", c.From, elapsed(accepted))
		return err
	})
	return times, group.Wait()
}

// leave waits until an address is in no table. All others must stay.
func (c *Services) leave(ctx context.Context, tables []routeTable, all []netip.Addr, gone netip.Addr) error {
	rest := slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool { return a == gone })
	for _, table := range tables {
		if err := c.wait(ctx, table.title+" without "+gone.String(), func(ctx context.Context) error { return table.has(ctx, rest, gone) }); err != nil {
			return err
		}
	}
	return nil
}

func (c *Services) wait(ctx context.Context, what string, look func(context.Context) error) error {
	return wait.Until(ctx, wait.For{What: what, Within: c.Within.Std(), Every: pollServices, Each: lookServices}, look)
}

func elapsed(t time.Time) time.Duration { return time.Since(t).Round(10 * time.Millisecond) }

// short reports a number below the wanted number.
func short(seen, want int, what string) error {
	if seen == want {
		return nil
	}
	return fmt.Errorf("%d of %d %s", seen, want, what)
}

// routeTable is the RIB or the FIB of a router.
type routeTable struct {
	title string
	read  func(context.Context) ([]bgp.Route, error)
}

// tablesOf returns both tables of each router.
func tablesOf(l Lab, routers []string) ([]routeTable, error) {
	var all []routeTable
	for _, name := range routers {
		i := slices.IndexFunc(l.Routers(), func(r live.Router) bool { return r.Name() == name })
		if i < 0 {
			return nil, fmt.Errorf("the lab has no router %s", name)
		}
		r := l.Routers()[i]
		all = append(all, routeTable{"RIB of " + name, r.Routes}, routeTable{"FIB of " + name, r.FIB})
	}
	return all, nil
}

// has compares the table with the wanted addresses. gone, if valid, must be absent.
func (t routeTable) has(ctx context.Context, want []netip.Addr, gone netip.Addr) error {
	have, err := t.read(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", t.title, err)
	}
	there := bgp.ByPrefix(have)
	has := func(a netip.Addr) bool { return len(there[netip.PrefixFrom(a, a.BitLen())].NextHops) > 0 }
	if gone.IsValid() && has(gone) {
		return fmt.Errorf("%s is in the %s", gone, t.title)
	}
	n := len(want) - len(slices.DeleteFunc(slices.Clone(want), has))
	return short(n, len(want), "addresses in the "+t.title)
}

// silent asks addresses from a client in batches, one connection each, and returns the addresses without an answer. A batch
// with a silent address ends the look: the next look begins there.
func silent(ctx context.Context, l Lab, from string, all []netip.Addr) ([]netip.Addr, error) {
	n, err := l.Node(from)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(all); i += probesAtOnce {
		batch := all[i:min(i+probesAtOnce, len(all))]
		s := probe.Shots{Proto: record.HTTP, Timeout: time.Second, Times: 1}
		for _, a := range batch {
			s.Targets = append(s.Targets, netip.AddrPortFrom(a, servicePort))
		}
		shots, err := probe.Once(ctx, n, s)
		if err != nil {
			return nil, err
		}
		answered := map[string]bool{}
		for _, shot := range shots {
			answered[shot.Target] = shot.Error == "" && shot.Answer != nil
		}
		var open []netip.Addr
		for _, t := range s.Targets {
			if !answered[t.String()] {
				open = append(open, t.Addr())
			}
		}
		if len(open) > 0 {
			return append(open, all[i+len(batch):]...), nil
		}
	}
	return nil, nil
}
