package bug

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/signal"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/wait"
	"skidpad.dev/skidpad/lab/watch"
)

// half is one column while the half runs.
type half struct {
	Column
	bug      *scenario.Bug
	scenario *scenario.Scenario
	options  Options
	lab      *lab.Lab
	began    time.Time
}

// up brings the half's lab up. A half that cannot be had is skipped, with the reason. After an interruption up begins
// nothing.
func (h *half) up(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	h.began = time.Now()
	var err error
	h.lab, err = lab.Up(ctx, lab.Options{
		Name: h.Lab, Scenario: h.scenario, Images: h.options.Images, Progress: prefixed{h.options.Progress, h.Half},
	})
	h.Up = time.Since(h.began)
	var skip *lab.SkipError
	var gone *image.UnavailableError
	var step *lab.StepError
	switch {
	case errors.As(err, &skip):
		h.Outcome, h.Why = Skipped, skip.Reason
	case errors.As(err, &gone):
		h.Outcome, h.Why = Skipped, gone.Error()
	case errors.As(err, &step) && !h.options.Keep:
		h.Outcome, h.Why = Unknown, fmt.Sprintf("step %q: %v", step.Step, step.Err) // a state made by a step does not last long
	case err != nil:
		h.Outcome, h.Why = Unknown, err.Error()
	}
}

// interrupted marks a half without a verdict as Unknown because ctx ended. Failures after the end of ctx are no
// evidence.
func (h *half) interrupted(ctx context.Context) {
	if ctx.Err() == nil || h.Outcome == Right || h.Outcome == Wrong || h.Outcome == Skipped {
		return
	}
	h.Outcome, h.Why = Unknown, "interrupted before all was observed; its lab is taken down"
	switch {
	case h.began.IsZero():
		h.Why = "interrupted before it was begun"
	case h.options.Keep:
		h.Why = "interrupted before all was observed"
	}
}

// down takes the half's lab down, whatever the outcome.
func (h *half) down(ctx context.Context) error {
	if h.options.Keep || h.began.IsZero() {
		return nil
	}
	_, err := lab.Down(context.WithoutCancel(ctx), h.Lab)
	return err
}

// run does the bug's steps in the lab and judges the signals. An error on the way makes the outcome Unknown.
func (h *half) run(ctx context.Context) {
	defer func() {
		if !h.began.IsZero() {
			h.Took = time.Since(h.began)
		}
	}()
	if h.Outcome != "" || h.lab == nil {
		return
	}
	began := time.Now()
	events := &timeline.Timeline{}
	injector, err := fault.On(h.lab, events)
	if err != nil {
		h.Outcome, h.Why = Unknown, err.Error()
		return
	}
	r := &runner{Run: &signal.Run{Lab: h.lab, Events: events}, half: h.Half, injector: injector, faults: map[string][]*fault.Active{}, flows: map[string]*flow{},
		note: func(text string) { h.options.Progress.Note(h.Half, text) }}
	r.Recording = r.recording
	missing := func(err error) {
		if err != nil {
			events.Add(timeline.New(timeline.LaneAgent, "watch", "source-missing", err.Error(), nil))
		}
	}
	watching, watchErr := watch.On(ctx, h.lab, events)
	missing(watchErr) // before the observations: an event without a listener is lost
	err = h.observe(ctx, r)
	if watchErr == nil {
		missing(watching.Stop(context.WithoutCancel(ctx)))
	}
	if err != nil {
		h.Outcome, h.Why = Unknown, err.Error()
	} else {
		h.Outcome, h.Why = outcomeOf(h.Observed)
	}
	if err := h.keep(ctx, r, began); err != nil {
		h.Why = errors.Join(errors.New(h.Why), err).Error()
	}
}

// observe prepares, triggers and looks, and undoes every fault.
func (h *half) observe(ctx context.Context, r *runner) (err error) {
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if !h.options.Keep || err != nil {
			err = errors.Join(err, r.injector.Close(closing))
		}
	}()
	if err := r.steps(ctx, "setup", h.bug.Setup); err != nil {
		return err
	}
	return h.tries(ctx, r, maps.Clone(r.faults), maps.Clone(r.flows))
}

// tries triggers and looks, as often as the bug wants. faults and flows are those of the setup: they stay.
func (h *half) tries(ctx context.Context, r *runner, faults map[string][]*fault.Active, flows map[string]*flow) error {
	times := 1
	if h.bug.Repeat != nil {
		times = h.bug.Repeat.Times
	}
	for try := 1; ; try++ {
		if h.bug.Repeat != nil {
			h.Tries, h.Times = try, times
			r.note(fmt.Sprintf("try %d of %d", try, times))
		}
		last := try == times
		if err := h.try(ctx, r, last || !h.bug.Repeat.Last()); err != nil {
			return fmt.Errorf("%s%w", h.at(), err)
		}
		if outcome, _ := outcomeOf(h.Observed); last || outcome != Right {
			return nil
		}
		if err := r.takeBack(ctx, faults, flows); err != nil {
			return fmt.Errorf("after try %d: %w", try, err)
		}
	}
}

// takeBack ends the faults and flows of a try.
func (r *runner) takeBack(ctx context.Context, faults map[string][]*fault.Active, flows map[string]*flow) error {
	var errs []error
	for name, all := range r.faults {
		errs = append(errs, clearAll(ctx, all[len(faults[name]):]))
	}
	for name, f := range r.flows {
		if f != flows[name] && f.running != nil && f.rec == nil {
			_, err := r.recording(ctx, name)
			errs = append(errs, err)
		}
	}
	r.faults, r.flows = maps.Clone(faults), maps.Clone(flows)
	return errors.Join(errs...)
}

// try triggers once and, if looks is set, looks at every signal.
func (h *half) try(ctx context.Context, r *runner, looks bool) error {
	h.Observed = nil
	before, err := r.before(ctx, h.bug.Observe)
	if err != nil {
		return err
	}
	if err := r.beforeAwaits(ctx, h.bug.Trigger); err != nil {
		return err
	}
	r.Began, r.triggered, r.acted = r.Lab.Now(), time.Now(), time.Now()
	r.observe = h.bug.Observe
	if err := r.steps(ctx, "trigger", h.bug.Trigger); err != nil || !looks {
		return err
	}
	for i, o := range h.bug.Observe {
		r.note("observe: " + o.Name)
		seen, err := r.look(ctx, o, before[i])
		if err != nil {
			return fmt.Errorf("observe[%d], %s: %w", i, o.Name, err)
		}
		h.Observed = append(h.Observed, seen)
		r.Events.Add(timeline.New(timeline.LaneCheck, o.Name, string(seen.Outcome), seen.Seen, map[string]string{"expected": seen.Want}))
	}
	return nil
}

// before reads the values for later comparison.
func (r *runner) before(ctx context.Context, all []scenario.Observation) ([]*signal.Value, error) {
	before := make([]*signal.Value, len(all))
	for i, o := range all {
		if o.Right.Changed == nil && (o.Wrong == nil || o.Wrong.Changed == nil) {
			continue
		}
		v, err := r.Read(ctx, o.Signal)
		if err != nil {
			return nil, fmt.Errorf("observe[%d], %s, before the trigger: %w", i, o.Name, err)
		}
		before[i] = &v
	}
	return before, nil
}

// beforeAwaits reads the signals for comparison by awaits of the trigger.
func (r *runner) beforeAwaits(ctx context.Context, trigger []scenario.BugStep) error {
	r.awaited = map[*scenario.Await]*signal.Value{}
	for i, s := range trigger {
		if s.Await == nil || s.Await.Right.Changed == nil || r.isForOthers(s) {
			continue
		}
		v, err := r.Read(ctx, s.Await.Signal)
		if err != nil {
			return fmt.Errorf("trigger[%d], %s, before the trigger: %w", i, describe(s), err)
		}
		r.awaited[s.Await] = &v
	}
	return nil
}

// look looks at the signal of an observation.
func (r *runner) look(ctx context.Context, o scenario.Observation, before *signal.Value) (Observed, error) {
	right, err := r.filled(ctx, o.Right)
	if err != nil {
		return Observed{}, err
	}
	o.Right = right
	if o.Wrong != nil {
		wrong, err := r.filled(ctx, *o.Wrong)
		if err != nil {
			return Observed{}, err
		}
		o.Wrong = &wrong
	}
	if err := r.sentEnough(ctx, signal.FlowOf(o.Signal)); err != nil {
		return Observed{}, err
	}
	return look{Observation: o, before: before, acted: r.acted, read: func(ctx context.Context) (signal.Value, error) { return r.Read(ctx, o.Signal) }}.until(ctx)
}

// sentEnough waits until a flow can be judged, because reading the flow ends the flow.
func (r *runner) sentEnough(ctx context.Context, name string) error {
	f := r.flows[name]
	if f == nil || f.rec != nil {
		return nil
	}
	sent := f.began
	if r.triggered.After(sent) {
		sent = r.triggered
	}
	return wait.Sleep(ctx, time.Until(sentUntil(r.observe, name, sent, r.acted, time.Now())))
}

// filled returns a condition with the lab's own values in the texts.
func (r *runner) filled(ctx context.Context, c scenario.Condition) (scenario.Condition, error) {
	var errs []error
	fill := func(text string) string {
		text, err := r.Fill(ctx, text)
		errs = append(errs, err)
		return text
	}
	if c.Is != nil {
		is := make([]string, len(c.Is))
		for i, text := range c.Is {
			is[i] = fill(text)
		}
		c.Is = is
	}
	c.Has, c.Lacks, c.Matches = fill(c.Has), fill(c.Lacks), fill(c.Matches)
	return c, errors.Join(errs...)
}

// keep writes the half's folder in the format of reports.
func (h *half) keep(ctx context.Context, r *runner, began time.Time) error {
	if h.options.Dir == "" {
		return nil
	}
	h.Dir = filepath.Join(h.options.Dir, h.Half)
	var flows []report.Flow
	for name, f := range r.flows {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		rec, err := r.recording(closing, name)
		cancel()
		if err == nil {
			flows = append(flows, report.Flow{Check: name, From: f.spec.From, To: f.spec.To, Recording: rec})
		}
	}
	run := report.Run{Scenario: fmt.Sprintf("%s, %s half: %s", h.options.ID, h.Half, h.What), Started: began, Duration: time.Since(began)}
	for _, o := range h.Observed {
		run.Checks = append(run.Checks, checked(h.options.ID, o))
	}
	return report.Save(h.Dir, run, h.lab.Plan, r.Events.Events(), flows)
}

// checked converts an observation to a check's result.
func checked(id string, o Observed) check.Result {
	verdict := map[Outcome]check.Verdict{Right: check.Held, Wrong: check.Failed, Skipped: check.Skipped}[o.Outcome]
	if verdict == "" {
		verdict = check.Unknown
	}
	return check.Result{Scenario: id, Name: o.Name, Verdict: verdict, Expected: o.Want, Observed: o.Seen, Duration: o.Took}
}

// prefixed prints a half's steps under the half's name.
type prefixed struct {
	lab.Progress
	half string
}

func (p prefixed) Begin(step, what string) { p.Progress.Begin(p.half+": "+step, what) }
func (p prefixed) Note(step, text string)  { p.Progress.Note(p.half+": "+step, text) }
func (p prefixed) End(step string, took time.Duration, err error) {
	p.Progress.End(p.half+": "+step, took, err)
}
