package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/watch"
)

// Options say how checks run.
type Options struct {
	// Done, if set, is called as each check ends.
	Done func(Result)
	// Events gets the events of the lab while checks break the lab; nil: nothing is recorded.
	Events timeline.Sink
	// Watched means that the caller watches the lab: Events gets only the actions of checks, and what their flows saw.
	Watched bool
	// CaptureDir returns the folder for the packets of a check that did not hold; nil: no packets are captured.
	CaptureDir func(check string) string
}

// session is a running lab while checks run there.
type session struct {
	*live.Who
	options  Options
	injector func() (*fault.Injector, error) // made by the first fault
	end      func(context.Context) error     // closes the injector

	mu     sync.Mutex
	routes []timeline.Event // of FIBs, since the check began
}

func newSession(l *live.Lab, o Options) *session {
	s := &session{Who: l.Who(), options: o}
	s.end = func(context.Context) error { return nil }
	s.injector = sync.OnceValues(func() (*fault.Injector, error) {
		in, err := fault.On(l, timeline.SinkFunc(s.add))
		if err == nil {
			s.end = in.Close
		}
		return in, err
	})
	return s
}

// closeWithin limits the end of the process that guards the session's faults.
const closeWithin = time.Minute

// close ends the guard of the session's faults. A program that runs checks for hours would gather a guard for each session.
// Every check has cleared its faults; a fault that is left stays in the list of faults, with the error of its undo.
func (s *session) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	_ = s.end(ctx)
}

// Look runs those checks that only look, and calls done, if set, as each ends.
func Look(ctx context.Context, l *live.Lab, checks []Check, done func(Result)) []Result {
	return append(skipped(l, done), All(ctx, newSession(l, Options{}), l.Plan, Quick(checks), done)...)
}

// Run runs one check. A check with several kinds of target has a result for each.
func Run(ctx context.Context, l *live.Lab, c Check) []Result {
	s := newSession(l, Options{})
	defer s.close(ctx)
	return run(ctx, s, l.Plan, c)
}

// Test runs checks. Checks that break something bring the lab back to its base state before the next check. The results and
// the events report what could not be recorded.
func Test(ctx context.Context, l *live.Lab, checks []Check, o Options) []Result {
	s := newSession(l, o)
	defer s.close(ctx)
	if slices.ContainsFunc(checks, func(c Check) bool { return c.Cost() == Disturbs }) {
		stop := s.watch(ctx)
		defer stop()
	}
	return append(skipped(l, o.Done), All(ctx, s, l.Plan, checks, o.Done)...)
}

// skipped returns the parts that were left out of the lab as skipped checks.
func skipped(l *live.Lab, done func(Result)) []Result {
	var all []Result
	missing := l.Missing()
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		r := Result{Scenario: l.Plan.Scenario.Metadata.Name, Name: "part " + name, Verdict: Skipped,
			Expected: name + " runs", Observed: missing[name]}
		if done != nil {
			done(r)
		}
		all = append(all, r)
	}
	return all
}

// Write begins to write numbers to the cluster's API.
func (s *session) Write(ctx context.Context, every time.Duration) (Writing, error) {
	c, err := s.Lab.Write(ctx, every)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Multiply makes further Services of a workload.
func (s *session) Multiply(ctx context.Context, workload string, count int) (Copies, error) {
	c, err := s.Lab.Multiply(ctx, workload, count)
	if c == nil {
		return nil, err
	}
	return c, err
}

// injected is a fault in force, on one node or on several at once.
type injected []*fault.Active

// Window is from the begin of the first fault until all faults were in force.
func (i injected) Window() (begin, end int64) {
	for n, f := range i {
		b, e := f.Window()
		if n == 0 || b < begin {
			begin = b
		}
		end = max(end, e)
	}
	return begin, end
}

// Clear undoes all faults, side by side.
func (i injected) Clear(ctx context.Context) error {
	errs := make([]error, len(i))
	var group sync.WaitGroup
	for n, f := range i {
		group.Go(func() { errs[n] = f.Clear(ctx) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// Inject puts a scenario's fault into force.
func (s *session) Inject(ctx context.Context, f scenario.Fault) (Injected, error) {
	injector, err := s.injector()
	if err != nil {
		return nil, err
	}
	faults := fault.All(s.Plan, f)
	all := make(injected, len(faults))
	errs := make([]error, len(faults))
	var group sync.WaitGroup
	for i, one := range faults {
		group.Go(func() { all[i], errs[i] = injector.Inject(ctx, one) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		all = slices.DeleteFunc(all, func(f *fault.Active) bool { return f == nil })
		return nil, errors.Join(err, all.Clear(context.WithoutCancel(ctx)))
	}
	return all, nil
}

// add gives an event to whoever records, and keeps those of routes for RouteGone.
func (s *session) add(e timeline.Event) {
	if e.Lane == timeline.LaneFIB {
		s.mu.Lock()
		s.routes = append(s.routes, e)
		s.mu.Unlock()
	}
	if s.options.Events != nil {
		s.options.Events.Add(e)
	}
}

// watch begins to record events, until stop is called. That it cannot is an event, too.
func (s *session) watch(ctx context.Context) (stop func()) {
	if s.options.Events == nil || s.options.Watched {
		return func() {}
	}
	missing := func(err error) {
		s.add(timeline.New(timeline.LaneAgent, "watch", "source-missing", err.Error(), nil))
	}
	w, err := watch.On(ctx, s.Lab, timeline.SinkFunc(s.add))
	if err != nil {
		missing(err)
		return func() {}
	}
	return func() {
		if err := w.Stop(context.WithoutCancel(ctx)); err != nil {
			missing(err)
		}
	}
}

// observation records one check.
type observation struct {
	*session
	capture *capture.Capture // nil where packets cannot be captured
	err     error            // why
}

var _ Lab = (*session)(nil)

// captureMemory is what packets of a check may take: enough for a minute of a flow at 1 kHz, seen on each of the four
// links that it passes twice.
const captureMemory = 256 << 20

// Observe begins to hold packets for a check, and forgets the routes' events of the one before.
func (s *session) Observe(ctx context.Context, name string, lasts time.Duration) (Observation, error) {
	s.mu.Lock()
	s.routes = nil
	s.mu.Unlock()
	o := &observation{session: s}
	if s.options.CaptureDir != nil {
		o.capture, o.err = s.StartCapture(ctx, s.options.CaptureDir(name), capture.Options{Last: lasts, Memory: captureMemory})
	}
	return o, nil
}

// RouteGone looks through the events of routers' FIBs.
func (s *session) RouteGone(router string, to netip.Prefix, via []netip.Addr, since int64) (at int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.routes {
		if e.Subject != router || e.Fields["prefix"] != to.String() || e.At < since {
			continue
		}
		if leads(e.Fields["from"], via) && !leads(e.Fields["to"], via) {
			at, ok = e.At, true
		}
	}
	return at, ok
}

// leads reports whether a route, as its event has it, goes by way of one of these next hops.
func leads(route string, via []netip.Addr) bool {
	words := strings.FieldsFunc(route, func(r rune) bool { return r == ' ' || r == ',' })
	return slices.ContainsFunc(via, func(a netip.Addr) bool { return slices.Contains(words, a.String()) })
}

// Add gives an event to whoever records.
func (o *observation) Add(e timeline.Event) { o.add(e) }

// End keeps the packets where there is a reason to, and forgets them otherwise.
func (o *observation) End(_ context.Context, reason string) ([]string, error) {
	switch {
	case o.capture == nil && reason != "" && o.err != nil:
		return nil, fmt.Errorf("none were captured: %w", o.err)
	case o.capture == nil:
		return nil, nil
	case reason == "":
		return nil, o.capture.Discard()
	}
	files, err := o.capture.Keep(reason)
	return files, errors.Join(err)
}
