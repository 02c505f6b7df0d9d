package check

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

// pollRoutes lies between two looks at routers' tables, or at a lease.
const pollRoutes = 50 * time.Millisecond

// withdrawal takes a node's endpoints away and waits until no router sends there.
func withdrawal(ctx context.Context, l Lab, p *plan.Plan, c scenario.Withdrawal) []Result {
	b := bound.Endpoint{}.Withdrawn()
	_, node := c.Fault.Verb()
	return disturb(ctx, l, p, disturbance{
		name: withdrawalName(c), fault: c.Fault, probe: c.Probe, bound: &b, maxOutage: c.MaxOutage, tolerance: c.Tolerance,
		meanwhile: func(ctx context.Context, r *Result) error { return withdrawn(ctx, l, p, c.Probe, node, r) },
	})
}

func withdrawalName(c scenario.Withdrawal) string {
	if c.Name != "" {
		return "withdrawal: " + c.Name
	}
	return "withdrawal: " + c.Fault.String()
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
	before := r.Measured.InjectBegin // of the last look that saw a route
	err = wait.Until(ctx, wait.For{What: "the routes by " + node + " are gone", Within: r.Measured.Limit + tail, Every: pollRoutes}, func(ctx context.Context) error {
		looked := now(l)
		last := stillThere(ctx, l, names, target.Addr(), via)
		at := now(l)
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

// goneAt is when the last router lost its route, and by how much earlier that may have been. The lab's own events tell it
// where all routers' are there; else it was between the begin of the last look that saw one and the end of the first
// that saw none.
func goneAt(l Lab, routers []string, to netip.Addr, via []netip.Addr, fault, before, after int64) (at int64, unsure time.Duration) {
	w, ok := l.(RouteWatcher)
	if !ok {
		return after, time.Duration(after - before)
	}
	for _, name := range routers {
		gone, seen := w.RouteGone(name, netip.PrefixFrom(to, to.BitLen()), via, fault)
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
	i := slices.IndexFunc(nodes, func(n ClusterNode) bool { return n.Name == node })
	if i < 0 {
		return nil, fmt.Errorf("the cluster has no node %s", node)
	}
	return nodes[i].Addresses, nil
}

// stillThere says which routers have a route to an address by one of these next hops; nothing where none has.
func stillThere(ctx context.Context, l Lab, routers []string, to netip.Addr, via []netip.Addr) string {
	type table struct {
		fib []bgp.Route
		err error
	}
	seen := ask(ctx, l, routers, func(ctx context.Context, r Router) table {
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

// held sends for a while and counts.
func held(ctx context.Context, l Lab, c scenario.Held) []Result {
	began := time.Now()
	r := Result{
		Name:     fmt.Sprintf("held: %s to %s/%s for %s", c.Probe.From, c.Probe.To, c.Probe.Workload, c.For),
		Expected: fmt.Sprintf("at most %d lost within %s (maxLost %d)", c.MaxLost, c.For, c.MaxLost),
		Measured: &Measured{LimitIs: fmt.Sprintf("maxLost %d", c.MaxLost)},
	}
	err := r.sendFor(ctx, l, c)
	if err != nil {
		r.Verdict, r.Observed = Unknown, err.Error()
	}
	r.Duration = time.Since(began)
	return []Result{r}
}

func (r *Result) sendFor(ctx context.Context, l Lab, c scenario.Held) error {
	target, err := resolve(ctx, l, c.Probe)
	if err != nil {
		return err
	}
	n, err := l.Node(c.Probe.From)
	if err != nil {
		return err
	}
	if err := awaitAnswer(ctx, l, c.Probe, target, answerWithin); err != nil {
		return err
	}
	flow := flowOf(c.Probe, target)
	flow.Duration = c.For.Std()
	rec, err := probe.Run(ctx, n, flow)
	if err != nil {
		return err
	}
	j := (&flows{spec: c.Probe, target: target}).judge(rec, 0)
	m := j.measured
	m.LimitIs = r.Measured.LimitIs
	r.Measured, r.Flows, r.Observed = &m, j.rows, m.told()
	switch {
	case m.Lost > c.MaxLost:
		r.Verdict = Failed
	case len(j.unknown) > 0:
		r.Verdict, r.Observed = Unknown, "the recording proves nothing: "+strings.Join(j.unknown, "; ")+"; seen: "+m.told()
	default:
		r.Verdict = Held
	}
	return nil
}
