package live

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/timeline"
)

// TestOptions say what Test is to do.
type TestOptions struct {
	// Done, if there is one, is called as each check ends.
	Done func(check.Result)
	// Events gets what happens in the lab while checks break it; nil: nothing is recorded.
	Events timeline.Sink
	// Watched is for a caller who watches the lab: Events gets only what the checks do to it, and what their flows saw.
	Watched bool
	// CaptureDir says where the packets of a check belong that did not hold; nil: none are captured.
	CaptureDir func(check string) string
}

// Check runs those checks that only look, and calls done, if there is one, as each ends.
func (l *Lab) Check(ctx context.Context, checks []check.Check, done func(check.Result)) []check.Result {
	return append(l.skipped(done), check.All(ctx, l, l.Plan, check.Quick(checks), done)...)
}

// Test runs checks. Those that break something bring the lab back to its base state before the next check. The results and
// the events report what could not be recorded.
func (l *Lab) Test(ctx context.Context, checks []check.Check, o TestOptions) []check.Result {
	if !slices.ContainsFunc(checks, func(c check.Check) bool { return c.Cost() == check.Disturbs }) {
		return append(l.skipped(o.Done), check.All(ctx, l, l.Plan, checks, o.Done)...)
	}
	a := &arena{Lab: l, options: o}
	var err error
	if a.injector, err = l.Injector(timeline.SinkFunc(a.add)); err != nil {
		return []check.Result{{Scenario: l.Plan.Scenario.Metadata.Name, Name: "checks", Verdict: check.Unknown, Expected: "a folder for the lab's files", Observed: err.Error()}}
	}
	stop := a.watch(ctx)
	defer stop()
	return append(l.skipped(o.Done), check.All(ctx, a, l.Plan, checks, o.Done)...)
}

// add gives an event to whoever records, and keeps those of routes for RouteGone.
func (a *arena) add(e timeline.Event) {
	if e.Lane == timeline.LaneFIB {
		a.mu.Lock()
		a.routes = append(a.routes, e)
		a.mu.Unlock()
	}
	if a.options.Events != nil {
		a.options.Events.Add(e)
	}
}

// watch begins to record events, until stop is called. That it cannot is an event, too.
func (a *arena) watch(ctx context.Context) (stop func()) {
	if a.options.Events == nil || a.options.Watched {
		return func() {}
	}
	missing := func(err error) {
		a.add(timeline.New(timeline.LaneAgent, "watch", "source-missing", err.Error(), nil))
	}
	w, err := a.Watch(ctx, timeline.SinkFunc(a.add))
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
	*arena
	capture *capture.Capture // nil where packets cannot be captured
	err     error            // why
}

var (
	_ check.Observed     = (*arena)(nil)
	_ check.RouteWatcher = (*arena)(nil)
)

// captureMemory is what packets of a check may take: enough for a minute of a flow at 1 kHz, seen on each of the four
// links that it passes twice.
const captureMemory = 256 << 20

// Observe begins to hold packets for a check, and forgets the routes' events of the one before.
func (a *arena) Observe(ctx context.Context, name string, lasts time.Duration) (check.Observation, error) {
	a.mu.Lock()
	a.routes = nil
	a.mu.Unlock()
	o := &observation{arena: a}
	if a.options.CaptureDir != nil {
		o.capture, o.err = a.StartCapture(ctx, a.options.CaptureDir(name), capture.Options{Last: lasts, Memory: captureMemory})
	}
	return o, nil
}

// RouteGone looks through the events of routers' FIBs.
func (a *arena) RouteGone(router string, to netip.Prefix, via []netip.Addr, since int64) (at int64, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.routes {
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
