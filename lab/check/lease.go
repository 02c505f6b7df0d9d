package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

// Lease promises that another node takes over an address announced by ARP when the announcing node is killed: the
// holder of the lease of Cilium or kube-vip, or with MetalLB, whose speakers have no lease, the node that answers ARP.
type Lease struct {
	Name      string            `json:"name,omitempty"`
	Probe     scenario.Probe    `json:"probe"`
	MaxOutage scenario.Duration `json:"maxOutage,omitempty"`
	Tolerance scenario.Duration `json:"tolerance,omitempty"`
}

// SetDefaults fills in the flow.
func (c *Lease) SetDefaults(s *scenario.Spec) { c.Probe.SetDefaults(s) }

// Validate checks that the target is announced by ARP, and that a node can be killed.
func (c *Lease) Validate(v *scenario.Validation, path string) {
	v.Probe(path+".probe", &c.Probe)
	v.Tolerance(path, c.MaxOutage, c.Tolerance)
	s := v.Spec()
	if !s.AnnouncesByARP() {
		v.Add(path, "seen a check of leases, want cilium or metallb with l2, or kubeVip without bgp, among the addons")
	}
	if t := c.Probe.To; t != "" && t != scenario.TargetLoadBalancer && t != scenario.TargetExternalIP {
		v.Add(path+".probe.to", "seen %s, want loadBalancer or externalIP: those are announced by ARP", t)
	}
	if s.Cluster != nil && s.Cluster.Workers != nil && *s.Cluster.Workers < 1 && s.Cluster.ControlPlanes < 2 {
		v.Add(path, "seen a check of leases without workers, want one or more: killing the control plane's node kills the leases' own server")
	}
}

// Title is the check's name, or the fault in words.
func (c *Lease) Title() string {
	return "lease: " + cmp.Or(c.Name, "the holder of "+c.Probe.Workload+" killed")
}

// Cost returns Disturbs.
func (*Lease) Cost() Cost { return Disturbs }

// Sends returns the flow.
func (c *Lease) Sends() *scenario.Probe { return &c.Probe }

// Run kills the node that announces the workload's addresses.
func (c *Lease) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	name := c.Title()
	unknown := func(err error) []Result {
		return []Result{{Name: name, Verdict: Unknown, Expected: "another node takes the lease", Observed: err.Error()}}
	}
	by := addon.AnnouncerOf(&p.Scenario.Spec)
	if by == nil {
		return unknown(fmt.Errorf("the plan of lab %s has no L2 announcements; add l2 to the addon cilium or metallb, or take kubeVip without bgp", p.Lab))
	}
	b := by.AnnouncerLost(len(p.Cluster.Nodes))
	var holder string
	return disturb(ctx, l, disturbance{
		name: name, probe: c.Probe, bound: &b, maxOutage: c.MaxOutage, tolerance: c.Tolerance,
		victim: func(ctx context.Context) (_ string, err error) {
			holder, err = killable(ctx, l, p, c.Probe.Workload)
			return holder, err
		},
		meanwhile: func(ctx context.Context, r *Result) error { return taken(ctx, l, c.Probe.Workload, holder, r) },
	})
}

// killable is the lease's holder. If the first control plane's node holds the lease, the lease is released until another node
// holds it: the API server is reached via the first control plane.
func killable(ctx context.Context, l Lab, p *plan.Plan, workload string) (string, error) {
	const tries = 10
	last := ""
	for range tries {
		holder, err := l.LeaseHolder(ctx, workload)
		if err != nil {
			return "", err
		}
		if holder != firstControlPlane(p) && slices.ContainsFunc(p.Cluster.Nodes, func(n plan.Node) bool { return n.Short == holder }) {
			return holder, nil
		}
		last = holder
		if err := l.ReleaseLease(ctx, workload); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("the lease of %s is held by %s, also after %d releases; wanted is a node that can be killed: any but the first control plane, by which the API is reached", workload, last, tries)
}

// firstControlPlane is the node with the API server for this process; "" without a control plane.
func firstControlPlane(p *plan.Plan) string {
	for _, n := range p.Cluster.Nodes {
		if n.ControlPlane {
			return n.Short
		}
	}
	return ""
}

// taken waits until another node than the dead node holds the lease, and reports the time.
func taken(ctx context.Context, l Lab, workload, dead string, r *Result) error {
	within := r.Measured.Limit
	err := wait.Until(ctx, wait.For{What: "another node announces the address", Within: within + tail, Every: pollRoutes}, func(ctx context.Context) error {
		holder, err := l.LeaseHolder(ctx, workload)
		if err != nil {
			return err
		}
		if holder == dead {
			return fmt.Errorf("the dead %s still does", dead)
		}
		after := time.Duration(l.Now() - r.Measured.InjectBegin)
		r.Observed = fmt.Sprintf("%s announces the address since %s after the fault began", holder, after.Round(10*time.Millisecond))
		return nil
	})
	if err != nil && ctx.Err() == nil {
		r.Verdict, r.Observed = Failed, err.Error()
		return nil
	}
	return err
}
