package check

import (
	"context"
	"fmt"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// Steady promises that an undisturbed flow loses at most MaxLost attempts within For. Scenario files call the check held.
type Steady struct {
	Probe scenario.Probe    `json:"probe"`
	For   scenario.Duration `json:"for"`
	// MaxLost has no default: a file says 0.
	MaxLost int `json:"maxLost" jsonschema:"minimum=0,maximum=1000000"`
}

// SetDefaults fills in the flow.
func (c *Steady) SetDefaults(s *scenario.Spec) { c.Probe.SetDefaults(s) }

// Validate checks the flow.
func (c *Steady) Validate(v *scenario.Validation, path string) { v.Probe(path+".probe", &c.Probe) }

// Title names the flow and the time.
func (c *Steady) Title() string {
	return fmt.Sprintf("held: %s to %s/%s for %s", c.Probe.From, c.Probe.To, c.Probe.Workload, c.For)
}

// Cost returns Lasts.
func (*Steady) Cost() Cost { return Lasts }

// Sends returns the flow.
func (c *Steady) Sends() *scenario.Probe { return &c.Probe }

// Run sends for a while and counts.
func (c *Steady) Run(ctx context.Context, l Lab, _ *plan.Plan) []Result {
	began := time.Now()
	r := Result{
		Name:     c.Title(),
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

func (r *Result) sendFor(ctx context.Context, l Lab, c *Steady) error {
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
