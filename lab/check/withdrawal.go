package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

// pollRoutes lies between two looks at routers' tables, or at a lease.
const pollRoutes = 50 * time.Millisecond

// Withdrawal promises that the routers lose their routes via a node soon after the node's endpoints are gone. The probe's
// flows must be answered again within the same time.
type Withdrawal struct {
	Name  string         `json:"name,omitempty"`
	Fault scenario.Fault `json:"fault"` // drain, with the node's name
	Probe scenario.Probe `json:"probe"` // to an address that only nodes with an endpoint announce
	// Exactly one of MaxOutage and Tolerance is named, as in Failover.
	MaxOutage scenario.Duration `json:"maxOutage,omitempty"`
	Tolerance scenario.Duration `json:"tolerance,omitempty"`
}

// SetDefaults fills in the flow.
func (c *Withdrawal) SetDefaults(s *scenario.Spec) {
	c.Probe.SetDefaults(s)
	c.Fault.SetDefaults(s)
}

// Validate checks that the fault takes endpoints away from one node, and that only nodes with endpoints announce the target.
func (c *Withdrawal) Validate(v *scenario.Validation, path string) {
	c.Fault.Validate(v, path+".fault")
	if _, ok := c.Fault.Fields.(fault.Evicter); !ok && c.Fault.Fields != nil {
		v.Add(path+".fault", "seen %s, want drain: it says which node loses its endpoints", c.Fault.Name)
	}
	v.Probe(path+".probe", &c.Probe)
	v.Tolerance(path, c.MaxOutage, c.Tolerance)
	wantSessions(v, path)
	if e := v.Spec().Echo(c.Probe.Workload); e != nil && e.Service.ExternalTrafficPolicy != "Local" {
		v.Add(path+".probe.workload", "seen %s with externalTrafficPolicy %s, want Local: else nodes without endpoints announce it, too", e.Name, e.Service.ExternalTrafficPolicy)
	}
	if t := c.Probe.To; t != "" && t != scenario.TargetLoadBalancer && t != scenario.TargetExternalIP {
		v.Add(path+".probe.to", "seen %s, want loadBalancer or externalIP", t)
	}
}

// Title is the check's name, or the fault in words.
func (c *Withdrawal) Title() string { return "withdrawal: " + cmp.Or(c.Name, c.Fault.String()) }

// Cost returns Disturbs.
func (*Withdrawal) Cost() Cost { return Disturbs }

// Sends returns the flow.
func (c *Withdrawal) Sends() *scenario.Probe { return &c.Probe }

// Run takes a node's endpoints away and waits until no router has a route via the node.
func (c *Withdrawal) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	node := ""
	if e, ok := c.Fault.Fields.(fault.Evicter); ok {
		node = e.Evicts()
	}
	return disturb(ctx, l, disturbance{
		name: c.Title(), fault: c.Fault, probe: c.Probe, bound: fault.BoundOf(c.Fault, fault.Case{Plan: p, Probe: c.Probe}), maxOutage: c.MaxOutage, tolerance: c.Tolerance,
		meanwhile: func(ctx context.Context, r *Result) error { return withdrawn(ctx, l, p, c.Probe, node, r) },
	})
}

// withdrawn waits until no router's FIB has a route to the address by way of the node.
func withdrawn(ctx context.Context, l Lab, p *plan.Plan, probed scenario.Probe, node string, r *Result) error {
	target, err := resolve(ctx, l, probed)
	if err != nil {
		return err
	}
	via, err := addressesOf(ctx, l, node)
	if err != nil {
		return err
	}
	var names []string
	for _, router := range p.Routers {
		if router.BGP != nil {
			names = append(names, router.Name)
		}
	}
	before := r.Measured.InjectBegin // of the last look with a route
	err = wait.Until(ctx, wait.For{What: "the routes by " + node + " are gone", Within: r.Measured.Limit + tail, Every: pollRoutes}, func(ctx context.Context) error {
		looked := l.Now()
		last := stillThere(ctx, l, names, target.Addr(), via)
		at := l.Now()
		if last != "" {
			before = looked
			return errors.New(last)
		}
		at, unsure := goneAt(l, names, target.Addr(), via, r.Measured.InjectBegin, before, at)
		r.Measured.Withdrawn, r.Measured.WithdrawnUncertainty = time.Duration(at-r.Measured.InjectBegin), unsure
		r.Observed = fmt.Sprintf("routes by %s gone %s (− %s) after the fault's begin", node,
			r.Measured.Withdrawn.Round(time.Millisecond), unsure.Round(time.Millisecond))
		return nil
	})
	if err != nil {
		r.Verdict, r.Observed = Failed, err.Error()
	}
	return ctx.Err()
}

// goneAt is the time when the last router lost its route, and the uncertainty. With an event of each router, the uncertainty is
// 0. Else the time lies between the begin of the last look with a route and the end of the first look without a route.
func goneAt(l Lab, routers []string, to netip.Addr, via []netip.Addr, fault, before, after int64) (at int64, unsure time.Duration) {
	for _, name := range routers {
		gone, seen := l.RouteGone(name, netip.PrefixFrom(to, to.BitLen()), via, fault)
		if !seen || gone > after {
			return after, time.Duration(after - before)
		}
		at = max(at, gone)
	}
	return at, 0
}

func addressesOf(ctx context.Context, l Lab, node string) ([]netip.Addr, error) {
	nodes, err := l.ClusterNodes(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(nodes, func(n live.ClusterNode) bool { return n.Name == node })
	if i < 0 {
		return nil, fmt.Errorf("the cluster has no node %s", node)
	}
	return nodes[i].Addresses, nil
}

// stillThere lists the routers with a route to an address via a next hop in via; "" if no router has any.
func stillThere(ctx context.Context, l Lab, routers []string, to netip.Addr, via []netip.Addr) string {
	type table struct {
		fib []bgp.Route
		err error
	}
	seen := ask(ctx, l, routers, func(ctx context.Context, r live.Router) table {
		fib, err := r.FIB(ctx)
		return table{fib, err}
	}, func(err error) table { return table{err: err} })
	var have []string
	for _, name := range routers {
		t := seen[name]
		if t.err != nil {
			have = append(have, name+" cannot be asked: "+t.err.Error())
			continue
		}
		for _, hop := range hops(t.fib, netip.PrefixFrom(to, to.BitLen())) {
			if slices.Contains(via, hop) {
				have = append(have, name+" has one by "+hop.String())
			}
		}
	}
	return strings.Join(have, "; ")
}
