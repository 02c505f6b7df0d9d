package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// joinWrites is the pause between two writes while nodes join.
const joinWrites = 200 * time.Millisecond

// DefaultJoinWithin is the time for a node to be Ready.
const DefaultJoinWithin = scenario.Duration(3 * time.Minute)

// Join promises that nodes join the running cluster by kubeadm, one after the other, while the API takes writes. The nodes
// leave the cluster again afterwards.
type Join struct {
	Nodes  []string          `json:"nodes,omitempty"`  // default: the cluster's joinLater
	Within scenario.Duration `json:"within,omitempty"` // for each to be Ready; default 3 m
}

// SetDefaults fills in the nodes and the deadline.
func (j *Join) SetDefaults(s *scenario.Spec) {
	scenario.Or(&j.Within, DefaultJoinWithin)
	if j.Nodes == nil && s.Cluster != nil {
		j.Nodes = s.Cluster.JoinLater
	}
}

// Validate checks that the nodes are planned and not yet in the cluster.
func (j *Join) Validate(v *scenario.Validation, path string) {
	v.NotEmpty(path+".nodes", len(j.Nodes))
	v.Repeated(path+".nodes", j.Nodes)
	var later []string
	if c := v.Spec().Cluster; c != nil {
		later = c.JoinLater
	}
	for i, name := range j.Nodes {
		if !slices.Contains(later, name) {
			v.Unknown(fmt.Sprintf("%s.nodes[%d]", path, i), name, "node of cluster.joinLater", later)
		}
	}
}

// Title names the nodes.
func (j *Join) Title() string { return "join: " + strings.Join(j.Nodes, ", ") }

// Cost returns Disturbs.
func (*Join) Cost() Cost { return Disturbs }

// Sends returns nil: writes come from the host.
func (*Join) Sends() *scenario.Probe { return nil }

// Run joins nodes one after the other, while writes go on, and takes the nodes out again in the opposite order.
func (j *Join) Run(ctx context.Context, l Lab, _ *plan.Plan) []Result {
	began := time.Now()
	r := Result{Name: j.Title(), Expected: fmt.Sprintf("each node Ready within %s, no acknowledged write lost", j.Within)}
	r.Verdict = Held
	fail := func(err error) { r.Verdict, r.Observed = Failed, strings.TrimPrefix(r.Observed+"; "+err.Error(), "; ") }
	writing, err := l.Write(ctx, joinWrites)
	if err != nil {
		r.Verdict, r.Observed = Unknown, err.Error()
		return []Result{r}
	}
	var joined, told []string
	for _, n := range j.Nodes {
		start := time.Now()
		limited, cancel := context.WithTimeout(ctx, j.Within.Std())
		err := l.Join(limited, n, func(string) {})
		cancel()
		joined = append(joined, n) // a failed join may leave parts behind
		if err != nil {
			fail(err)
			break
		}
		told = append(told, fmt.Sprintf("%s Ready after %s", n, time.Since(start).Round(100*time.Millisecond)))
	}
	counted, err := writing.Stop(context.WithoutCancel(ctx))
	switch {
	case err != nil:
		fail(err)
	case len(counted.Missing) > 0:
		fail(fmt.Errorf("%d of %d acknowledged writes are lost", len(counted.Missing), counted.Acked))
	default:
		told = append(told, fmt.Sprintf("all %d acknowledged writes are there", counted.Acked))
	}
	r.Observed = strings.TrimSuffix(strings.Join(told, ", ")+"; "+r.Observed, "; ")
	r.left(leave(context.WithoutCancel(ctx), l, joined))
	r.Duration = time.Since(began)
	return []Result{r}
}

// leave takes nodes out again, the last first, and waits for the lab's base state. A node that left is restarted: kubeadm reset
// leaves the network plugin's links and programs there.
func leave(ctx context.Context, lab Lab, nodes []string) error {
	ctx, cancel := context.WithTimeout(ctx, healWithin)
	defer cancel()
	var errs []error
	for _, n := range slices.Backward(nodes) {
		errs = append(errs, lab.Leave(ctx, n, func(string) {}), restarted(ctx, lab, n))
	}
	m := &measurement{Lab: lab, sink: nowhere}
	return errors.Join(append(errs, m.base(ctx))...)
}

// restarted restarts a node.
func restarted(ctx context.Context, lab Lab, node string) error {
	f, err := lab.Inject(ctx, fault.Restarted(node))
	if err != nil {
		return fmt.Errorf("restart of %s after it left: %w", node, err)
	}
	return f.Clear(ctx)
}
