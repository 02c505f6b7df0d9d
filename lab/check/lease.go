package check

import (
	"context"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

// lease kills the node that announces the workload's addresses.
func lease(ctx context.Context, l Lab, p *plan.Plan, c scenario.Lease) []Result {
	name := leaseName(c)
	unknown := func(err error) []Result {
		return []Result{{Name: name, Verdict: Unknown, Expected: "another node takes the lease", Observed: err.Error()}}
	}
	lab, ok := l.(Disturbable)
	if !ok {
		return []Result{{Name: name, Verdict: Skipped, Expected: "another node takes the lease", Observed: "this lab cannot be disturbed"}}
	}
	b, ok := announcerLost(p)
	if !ok {
		return unknown(fmt.Errorf("the plan of lab %s has no L2 announcements; add l2 to the cilium or metallb addon", p.Lab))
	}
	var holder string
	return disturb(ctx, l, p, disturbance{
		name: name, probe: c.Probe, bound: &b, maxOutage: c.MaxOutage, tolerance: c.Tolerance,
		victim: func(ctx context.Context) (_ string, err error) {
			holder, err = killable(ctx, lab, p, c.Probe.Workload)
			return holder, err
		},
		meanwhile: func(ctx context.Context, r *Result) error { return taken(ctx, lab, c.Probe.Workload, holder, r) },
	})
}

func leaseName(c scenario.Lease) string {
	if c.Name != "" {
		return "lease: " + c.Name
	}
	return "lease: the holder of " + c.Probe.Workload + " killed"
}

// killable is the lease's holder. Where that is the first control plane's node, by which the leases' own server is
// reached, the lease is released until another has it.
func killable(ctx context.Context, l Disturbable, p *plan.Plan, workload string) (string, error) {
	const tries = 10
	last := ""
	for range tries {
		holder, err := l.LeaseHolder(ctx, workload)
		if err != nil {
			return "", err
		}
		if holder != firstControlPlane(p) && isNode(p, holder) {
			return holder, nil
		}
		last = holder
		if err := l.ReleaseLease(ctx, workload); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("the lease of %s is held by %s, also after %d releases; wanted is a node that can be killed: any but the first control plane, by which the API is reached", workload, last, tries)
}

// firstControlPlane is the node by which the API is reached; empty where the plan has none.
func firstControlPlane(p *plan.Plan) string {
	for _, n := range p.Cluster.Nodes {
		if n.ControlPlane {
			return n.Short
		}
	}
	return ""
}

// taken waits until another node than the dead one holds the lease, and says when.
func taken(ctx context.Context, l Disturbable, workload, dead string, r *Result) error {
	within := r.Measured.Limit
	err := wait.Until(ctx, wait.For{What: "another node announces the address", Within: within + tail, Every: pollRoutes}, func(ctx context.Context) error {
		holder, err := l.LeaseHolder(ctx, workload)
		if err != nil {
			return err
		}
		if holder == dead {
			return fmt.Errorf("the dead %s still does", dead)
		}
		after := time.Duration(now(l) - r.Measured.InjectBegin)
		r.Observed = fmt.Sprintf("%s announces the address since %s after the fault began", holder, after.Round(10*time.Millisecond))
		return nil
	})
	if err != nil && ctx.Err() == nil {
		r.Verdict, r.Observed = Failed, err.Error()
		return nil
	}
	return err
}
