package check

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	// lead is how long flows run before the fault: their answers then are the base that it is compared with.
	lead = time.Second
	// tail is how long they run on after the longest outage that is accepted: what fails late is seen, too.
	tail = 2 * time.Second
	// healWithin is what a killed process, or a lab after its fault was cleared, may take to be as it was. A killed
	// cluster node's kubelet, agent and pods take most of a minute.
	healWithin = 4 * time.Minute
	// answerWithin is how long a healthy lab may take to answer at a target for the first time.
	answerWithin = 30 * time.Second
	// basePause lies between two looks at whether the lab is as it was.
	basePause = 200 * time.Millisecond
)

// disturbance is one check that breaks something, as a list of what differs between them.
type disturbance struct {
	name  string
	fault scenario.Fault
	probe scenario.Probe
	bound *bound.Bound
	// maxOutage and tolerance are the check's; one of them is set.
	maxOutage, tolerance scenario.Duration
	minOutage            time.Duration // 0: none is asked for
	clear                bool          // the fault's end is measured, not its begin
	restart              *bool         // graceful restart, while it runs
	// writes is the pause between two writes to the API, by which it measures instead of by flows; 0: by flows.
	writes time.Duration
	// victim chooses the node to kill when the lab is in its base state and answers; nil where fault says it.
	victim func(ctx context.Context) (string, error)
	// meanwhile runs beside the flows once the fault is in force, and may add to the result; nil for nothing.
	meanwhile func(ctx context.Context, r *Result) error
}

// The moments that a failover check can measure.
const (
	MeasureInject = "inject"
	MeasureClear  = "clear"
)

// Failover promises that a flow is answered again soon after a fault: within MaxOutage, or within the bound of the
// configured timers plus Tolerance. Exactly one of the two is named.
type Failover struct {
	// Name is the name of the result; default: the fault in words.
	Name  string         `json:"name,omitempty"`
	Fault scenario.Fault `json:"fault"`
	// Measure says what is measured: the fault (inject, the default), or the fault's end (clear), when the broken part
	// returns.
	Measure string         `json:"measure,omitempty" jsonschema:"enum=inject,enum=clear"`
	Probe   scenario.Probe `json:"probe"`
	// GracefulRestart sets BGP graceful restart (RFC 4724) on routers and nodes for this check only, and puts the
	// scenario's setting back. Unset: nothing is changed. The nodes' speaker needs a switch of graceful restart, and the
	// routers report the capability.
	GracefulRestart *bool             `json:"gracefulRestart,omitempty"`
	MaxOutage       scenario.Duration `json:"maxOutage,omitempty"`
	Tolerance       scenario.Duration `json:"tolerance,omitempty"`
	// MinOutage makes the check a negative control, with the mechanism off: a shorter outage, or none, fails, because then the
	// mechanism is not the cause of the short outage with the mechanism on. Less than MaxOutage; default 0: no minimum.
	MinOutage scenario.Duration `json:"minOutage,omitempty"`
}

// SetDefaults fills in the moment and the flow.
func (c *Failover) SetDefaults(s *scenario.Spec) {
	c.Probe.SetDefaults(s)
	c.Fault.SetDefaults(s)
	scenario.Or(&c.Measure, MeasureInject)
}

// Validate checks the fault, the flow, and that the fault and the fields go together.
func (c *Failover) Validate(v *scenario.Validation, path string) {
	c.Fault.Validate(v, path+".fault")
	v.Probe(path+".probe", &c.Probe)
	v.Tolerance(path, c.MaxOutage, c.Tolerance)
	if why := fault.Unbounded(c.Fault); why != "" && c.Tolerance > 0 {
		v.Add(path+".tolerance", "seen a tolerance beyond the bound of a %s, want maxOutage: no timer bounds the outage, because %s", c.Fault.Name, why)
	}
	if c.MinOutage > 0 && c.MaxOutage > 0 && c.MinOutage >= c.MaxOutage {
		v.Add(path+".minOutage", "seen %s, want less than maxOutage, which is %s", c.MinOutage, c.MaxOutage)
	}
	if c.GracefulRestart != nil {
		validateGracefulRestart(v, path+".gracefulRestart")
	}
	after, lasts := c.Fault.Lasts()
	switch heals := c.Fault.Heals(); {
	case c.Measure != MeasureClear || c.Fault.Fields == nil:
	case !lasts:
		v.Add(path+".measure", "seen clear, want inject: a %s has no end that could be chosen", c.Fault.Name)
	case heals != "":
		v.Add(path+".measure", "seen clear, want inject: %s", heals)
	case after != 0:
		v.Add(path+".measure", "seen clear with a fault that ends by itself after %s, want no for: the check ends the fault", after)
	}
}

// validateGracefulRestart checks that graceful restart can be set in the running lab at both ends of the nodes' sessions, and
// that the routers report what their sessions with nodes have negotiated.
func validateGracefulRestart(v *scenario.Validation, path string) {
	wantSessions(v, path)
	for i, r := range v.Spec().Routers {
		if r.BGP.LearnsFromNodes() {
			v.Needs(path, &r, scenario.RestartsGracefully|scenario.ReportsRestart, fmt.Sprintf("a check that sets graceful restart with nodes that peer with %s (spec.routers[%d], %s)", r.Name, i, r.Software))
		}
	}
	if n := v.Spec().NodeSpeaker(); n != nil && n.GracefulRestart == nil {
		v.NotYet(path, fmt.Sprintf("a check that sets graceful restart on nodes that speak BGP by %s (%s)", n.Addon, n.Path), "an addon with a switch of graceful restart, such as cilium")
	}
}

// Title is the check's name, or the fault in words.
func (c *Failover) Title() string {
	name := c.Name
	if name == "" {
		name = c.Fault.String()
		if c.Measure == MeasureClear {
			name = "end of " + name
		}
	}
	if c.GracefulRestart != nil {
		name += map[bool]string{true: " with", false: " without"}[*c.GracefulRestart] + " graceful restart"
	}
	return "failover: " + name
}

// Cost returns Disturbs.
func (*Failover) Cost() Cost { return Disturbs }

// Sends returns the flow.
func (c *Failover) Sends() *scenario.Probe { return &c.Probe }

// Run breaks, measures, and brings the lab back.
func (c *Failover) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	f := *c
	return disturb(ctx, l, disturbance{
		name: c.Title(), fault: f.Fault, probe: f.Probe, bound: fault.BoundOf(f.Fault, fault.Case{Plan: p, Probe: f.Probe, Clear: f.Measure == MeasureClear, GracefulRestart: f.GracefulRestart}), maxOutage: f.MaxOutage, tolerance: f.Tolerance,
		minOutage: f.MinOutage.Std(), clear: f.Measure == MeasureClear, restart: f.GracefulRestart,
	})
}

// disturb runs a check that breaks something, and brings the lab back.
func disturb(ctx context.Context, l Lab, d disturbance) []Result {
	began := time.Now()
	r := Result{Name: d.name, Bound: d.bound, Measured: &Measured{Fault: d.fault.String()}}
	if d.victim != nil {
		r.Measured.Fault = "kill the node that announces the address"
	}
	if d.clear {
		r.Measured.Fault = "end of: " + r.Measured.Fault
	}
	most, is, err := limit(d.bound, d.maxOutage, d.tolerance)
	r.Measured.Limit, r.Measured.LimitIs = most, is
	r.Expected = fmt.Sprintf("answered again within %s (%s)", most.Round(time.Millisecond), is)
	if d.minOutage > 0 {
		r.Expected += fmt.Sprintf(", and an outage of %s at least: it is a negative control", d.minOutage)
	}
	if d.bound != nil {
		r.Expected += "; bound: " + d.bound.Formula
	}
	if err != nil {
		r.Verdict, r.Observed = Unknown, err.Error()
	} else {
		observe(ctx, l, &r, func(sink timeline.Sink, measured func()) {
			(&measurement{Lab: l, disturbance: d, sink: sink, measured: measured}).run(ctx, &r)
		})
	}
	r.Duration = time.Since(began)
	return []Result{r}
}

// observe records what happens in the lab while run runs. run calls measured when what
// follows is only the lab's way back: packets of that are not kept. That it could not be recorded is told and changes
// no verdict.
func observe(ctx context.Context, l Lab, r *Result, run func(sink timeline.Sink, measured func())) {
	o, err := l.Observe(ctx, r.Name, lead+r.Measured.Limit+tail+healWithin)
	if err != nil {
		run(nowhere, func() {})
		r.Notes = append(r.Notes, "nothing was recorded: "+err.Error())
		return
	}
	began := l.Now()
	end := sync.OnceFunc(func() {
		o.Add(checkEvent(*r, began, l.Now()))
		reason := ""
		if r.Verdict != Held {
			reason = fmt.Sprintf("%s: %s: %s", r.Name, r.Verdict, r.Observed)
		}
		var err error
		if r.Captures, err = o.End(context.WithoutCancel(ctx), reason); err != nil {
			r.Notes = append(r.Notes, "packets: "+err.Error())
		}
	})
	run(o, end)
	end()
}

// nowhere takes the events of a lab that does not record.
var nowhere = timeline.SinkFunc(func(timeline.Event) {}) //nolint:gochecknoglobals // it holds nothing

// measurement is one run of a disturbance.
type measurement struct {
	Lab
	disturbance
	sink     timeline.Sink
	measured func() // called when the measure is taken
}

// run brings the lab to the state that the check wants, measures, and brings it back, whatever happened.
func (m *measurement) run(ctx context.Context, r *Result) {
	unknown := func(err error) { r.Verdict, r.Observed = Unknown, err.Error() }
	if m.restart != nil {
		if err := m.GracefulRestart(ctx, m.restart); err != nil {
			unknown(fmt.Errorf("graceful restart could not be set: %w", err))
		}
	}
	if r.Verdict == "" {
		if err := m.base(ctx); err != nil {
			unknown(fmt.Errorf("the lab was not in its base state before the fault: %w", err))
		}
	}
	if r.Verdict == "" {
		measure := m.measure
		if m.writes > 0 {
			measure = m.measureWrites
		}
		if err := measure(ctx, r); err != nil {
			unknown(err)
		}
		m.measured()
	}
	// Ctrl-C must not leave the lab changed; the fault was cleared already. Whether all is well again then is not waited for.
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), healWithin+time.Minute)
	defer cancel()
	var err error
	if m.restart != nil {
		err = m.GracefulRestart(back, nil)
	}
	if ctx.Err() == nil {
		err = errors.Join(err, m.base(back))
	}
	r.left(err)
}

// measure sends, breaks, waits, stops and judges. The fault is cleared when it returns.
func (m *measurement) measure(ctx context.Context, r *Result) (err error) {
	target, err := resolve(ctx, m, m.probe)
	if err != nil {
		return err
	}
	var fault Injected
	defer func() {
		if fault != nil {
			err = errors.Join(err, fault.Clear(context.WithoutCancel(ctx)))
		}
	}()
	if m.clear {
		if fault, err = m.Inject(ctx, m.fault); err != nil {
			return fmt.Errorf("the fault could not be injected: %w", err)
		}
		if err := m.settle(ctx, target); err != nil {
			return err
		}
	}
	if !m.clear {
		if err := awaitAnswer(ctx, m, m.probe, target, answerWithin); err != nil {
			return fmt.Errorf("before the fault: %w", err)
		}
	}
	if err := m.aim(ctx, r); err != nil {
		return err
	}
	r.Measured.Before = m.carrier(ctx, target)
	sent, err := startFlows(ctx, m, m.probe, target)
	if err != nil {
		return err
	}
	// The flows' own time, not a guess at when something is ready.
	during := wait.Sleep(ctx, lead)
	var begin, end int64
	switch {
	case during != nil:
	case m.clear:
		begin = m.Now()
		during = fault.Clear(ctx)
		end = m.Now()
	default:
		if fault, during = m.Inject(ctx, m.fault); during == nil {
			begin, end = fault.Window()
		}
	}
	r.Measured.InjectBegin, r.Measured.InjectEnd = begin, end
	if during == nil {
		during = m.after(ctx, r)
	}
	r.Measured.After = m.carrier(ctx, target)
	rec, stopErr := sent.running.Stop(context.WithoutCancel(ctx))
	if err := errors.Join(during, stopErr); err != nil {
		return err
	}
	r.take(sent.judge(rec, begin), m.sink)
	m.doubt(r)
	return nil
}

// aim chooses the node to kill, where the check leaves that open.
func (m *measurement) aim(ctx context.Context, r *Result) error {
	if m.victim == nil {
		return nil
	}
	victim, err := m.victim(ctx)
	m.fault = fault.Silence(victim)
	r.Measured.Fault = m.fault.String()
	return err
}

// doubt takes a verdict back that proves nothing.
func (m *measurement) doubt(r *Result) {
	_, killed := m.fault.Verb()
	if before := r.Measured.Before; m.victim != nil && before.Error == "" && !slices.Contains(before.Nodes, killed) {
		r.Verdict = Unknown
		r.Observed = fmt.Sprintf("%s was killed, and the flow went by way of %s: the address had moved a moment before, so nothing was put to the test; %s", killed, before, r.Observed)
	}
	if r.Verdict == Held && r.Measured.Outage < m.minOutage {
		r.Verdict = Failed
		r.Observed += fmt.Sprintf("; an outage of %s at least was to be seen with the mechanism off, so with it on there is nothing to show", m.minOutage)
	}
}

// after lets the flows run on: as long as an outage is accepted, and, where what was broken heals by itself or was
// put right, until the lab is as it was.
func (m *measurement) after(ctx context.Context, r *Result) error {
	if m.meanwhile != nil {
		if err := m.meanwhile(ctx, r); err != nil {
			return err
		}
	}
	elapsed := time.Duration(m.Now() - r.Measured.InjectEnd)
	if err := wait.Sleep(ctx, max(r.Measured.Limit, lead)-elapsed); err != nil {
		return err
	}
	if m.clear || m.fault.Heals() != "" {
		if err := m.base(ctx); err != nil {
			r.Notes = append(r.Notes, "while the flows ran: "+err.Error())
		}
	}
	return wait.Sleep(ctx, tail)
}

// take puts what the flows tell into the result.
func (r *Result) take(j judged, sink timeline.Sink) {
	was := *r.Measured
	m := j.measured
	m.Fault, m.Limit, m.LimitIs, m.Before, m.After = was.Fault, was.Limit, was.LimitIs, was.Before, was.After
	m.InjectBegin, m.InjectEnd = was.InjectBegin, was.InjectEnd
	m.Withdrawn, m.WithdrawnUncertainty = was.Withdrawn, was.WithdrawnUncertainty
	r.Measured, r.Flows = &m, j.rows
	verdict, told := j.verdict(m.Limit)
	// What ran beside the flows may have failed already; it then said why.
	if r.Verdict == "" || r.Verdict == Held && verdict != Held {
		r.Verdict = verdict
	}
	if r.Observed != "" {
		told += "; " + r.Observed
	}
	r.Observed = told
	for _, row := range j.rows {
		for _, e := range flowEvents(row) {
			sink.Add(e)
		}
	}
}

// settle waits until the address is answered while the fault lasts: then somebody else carries it.
func (m *measurement) settle(ctx context.Context, target netip.AddrPort) error {
	if err := awaitAnswer(ctx, m, m.probe, target, healWithin); err != nil {
		return fmt.Errorf("while the fault lasted, so its end proves nothing: %w", err)
	}
	return nil
}

// awaitAnswer waits until every one of some attempts in a row is answered: routes and agents may come a moment after the
// sessions and pods that a lab's state tells of.
func awaitAnswer(ctx context.Context, l Lab, p scenario.Probe, target netip.AddrPort, within time.Duration) error {
	return wait.Until(ctx, wait.For{What: fmt.Sprintf("%s answers %s", target, p.From), Within: within, Every: basePause}, func(ctx context.Context) error {
		lost, err := once(ctx, l, p, target)
		if err == nil && lost != "" {
			err = errors.New(lost)
		}
		return err
	})
}

// base waits until the lab is as its plan says.
func (m *measurement) base(ctx context.Context) error {
	return wait.Until(ctx, wait.For{What: "base state", Within: healWithin, Every: basePause}, m.Base)
}

func (m *measurement) carrier(ctx context.Context, target netip.AddrPort) live.Carrier {
	c, err := m.Carrier(ctx, m.probe.From, target.Addr())
	if err != nil {
		c.Error = err.Error()
	}
	return c
}
