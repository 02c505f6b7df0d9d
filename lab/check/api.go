package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/cluster/counter"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

// writeLead is how long writes go on before the fault: longer than one of them may take, so that there is a base.
const writeLead = lead + counter.Timeout

// DefaultWriteEvery is the pause between two writes to the API.
const DefaultWriteEvery = scenario.Duration(100 * time.Millisecond)

// API promises that the API takes writes again soon after a fault, within MaxOutage or within the bound of the configured
// timers plus Tolerance, and that no acknowledged write is lost. Each write is a number, over a connection of its own,
// via the address that all clients of the API use.
type API struct {
	// Name is the name of the result; default: the fault in words.
	Name  string         `json:"name,omitempty"`
	Fault scenario.Fault `json:"fault"`
	// Every is the pause between two writes, from 20 ms to 1 s; default 100 ms.
	Every     scenario.Duration `json:"every,omitempty"`
	MaxOutage scenario.Duration `json:"maxOutage,omitempty"`
	Tolerance scenario.Duration `json:"tolerance,omitempty"`
}

// SetDefaults fills in the pause.
func (c *API) SetDefaults(s *scenario.Spec) {
	c.Fault.SetDefaults(s)
	scenario.Or(&c.Every, DefaultWriteEvery)
}

// Validate checks the fault, the pause, and that there is a cluster.
func (c *API) Validate(v *scenario.Validation, path string) {
	c.Fault.Validate(v, path+".fault")
	v.Tolerance(path, c.MaxOutage, c.Tolerance)
	if v.Spec().Cluster == nil {
		v.Add(path, "seen a check of the API, want a spec.cluster that has one")
	}
	if d := c.Every.Std(); d < 20*time.Millisecond || d > time.Second {
		v.Add(path+".every", "seen %s, want 20ms to 1s", c.Every)
	}
	_, lasts := c.Fault.Lasts()
	_, bounded := c.Fault.Fields.(fault.APIBounder)
	switch {
	case c.Fault.Fields == nil:
	case !lasts:
		v.Add(path+".fault", "seen %s, want a fault that lasts until it is cleared, such as kill", c.Fault.Name)
	case !bounded && c.Tolerance > 0:
		v.Add(path+".tolerance", "seen a tolerance beyond the bound of a %s, want maxOutage: no timer bounds the time without writes", c.Fault.Name)
	}
}

// Title is the check's name, or the fault in words.
func (c *API) Title() string { return "api: " + cmp.Or(c.Name, c.Fault.String()) }

// Cost returns Disturbs.
func (*API) Cost() Cost { return Disturbs }

// Sends returns nil: writes come from the host.
func (*API) Sends() *scenario.Probe { return nil }

// Run breaks, counts writes, and brings the lab back.
func (c *API) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	return disturb(ctx, l, disturbance{
		name: c.Title(), fault: c.Fault, bound: fault.APIBoundOf(c.Fault, p), maxOutage: c.MaxOutage, tolerance: c.Tolerance, writes: c.Every.Std(),
	})
}

// measureWrites writes, breaks, waits, puts back, waits until all is as it was, and judges: all that was acknowledged must be
// there in the end. The outage is what was not acknowledged while the fault lasted; what was late while a node came back,
// which takes processors as much as anything, is told.
func (m *measurement) measureWrites(ctx context.Context, r *Result) error {
	r.Measured.Before = holder(ctx, m)
	writing, err := m.Write(ctx, m.writes)
	if err != nil {
		return err
	}
	cleared, during := m.writeThrough(ctx, r)
	counted, err := writing.Stop(context.WithoutCancel(ctx))
	if err := errors.Join(during, err); err != nil {
		return err
	}
	f := &flows{spec: scenario.Probe{From: "host", To: "API", Workload: "writes"}}
	r.Observed = fmt.Sprintf("all %d acknowledged writes are there", counted.Acked)
	if n := len(counted.Missing); n > 0 {
		r.Verdict = Failed
		r.Observed = fmt.Sprintf("%d of %d acknowledged writes are lost: %v", n, counted.Acked, counted.Missing[:min(n, 10)])
	}
	within, after := counted.Recording.Cut(cleared)
	if n := unanswered(after); n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d of %d writes were not acknowledged in time after the fault had ended", n, len(after.Attempts)))
	}
	// Writes that were under way when it broke were broken by it.
	r.take(f.judge(within, r.Measured.InjectBegin-int64(counter.Timeout)), m.sink)
	return nil
}

func unanswered(rec *record.Recording) int {
	n := 0
	for _, a := range rec.Attempts {
		if a.Answered == 0 {
			n++
		}
	}
	return n
}

// writeThrough breaks and puts right while writes go on. It returns when it began to put right, by the clock of faults.
func (m *measurement) writeThrough(ctx context.Context, r *Result) (cleared int64, err error) {
	if err := wait.Sleep(ctx, writeLead); err != nil {
		return 0, err
	}
	fault, err := m.Inject(ctx, m.fault)
	if err != nil {
		return 0, fmt.Errorf("the fault could not be injected: %w", err)
	}
	r.Measured.InjectBegin, r.Measured.InjectEnd = fault.Window()
	err = wait.Sleep(ctx, r.Measured.Limit+tail)
	r.Measured.After = holder(ctx, m)
	cleared = m.Now()
	// Ctrl-C must not leave the lab changed.
	if err := errors.Join(err, fault.Clear(context.WithoutCancel(ctx))); err != nil {
		return cleared, err
	}
	if err := m.base(ctx); err != nil {
		r.Notes = append(r.Notes, "while writes went on: "+err.Error())
	}
	return cleared, wait.Sleep(ctx, tail)
}

// holder says who holds the API's address.
func holder(ctx context.Context, lab Lab) live.Carrier {
	name, err := lab.APIHolder(ctx)
	if err != nil {
		return live.Carrier{Error: err.Error()}
	}
	return live.Carrier{Nodes: []string{name}}
}
