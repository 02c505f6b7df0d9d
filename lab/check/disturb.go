package check

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// Disturbable is a lab that checks may break, to see what follows.
type Disturbable interface {
	Lab
	// Inject puts a fault into force and returns when it is.
	Inject(ctx context.Context, f scenario.Fault) (Injected, error)
	// Carrier says who carries at this moment what a node sends to an address.
	Carrier(ctx context.Context, from string, to netip.Addr) (live.Carrier, error)
	// LeaseHolder is the scenario's name of the node that announces a workload's addresses by ARP.
	LeaseHolder(ctx context.Context, workload string) (string, error)
	// ReleaseLease makes the holder lose its lease, so that nodes run for it anew.
	ReleaseLease(ctx context.Context, workload string) error
	// Base returns nil where the lab is at this moment as its plan says, and else what is not.
	Base(ctx context.Context) error
	// GracefulRestart sets graceful restart on all BGP speakers; nil is what the plan says. It returns when sessions
	// that negotiated it are established.
	GracefulRestart(ctx context.Context, on *bool) error
}

// Observed is a lab that can record what happens while a check runs.
type Observed interface {
	// Observe begins to record under a check's name. lasts is how long the recording should reach back at its end.
	Observe(ctx context.Context, check string, lasts time.Duration) (Observation, error)
}

// RouteWatcher is a lab that is told of its routers' routes as they change.
type RouteWatcher interface {
	// RouteGone is when a router's FIB had, since an instant, lost its last route to a prefix by one of these next hops:
	// CLOCK_MONOTONIC in nanoseconds, as are both. ok is false where that was not seen.
	RouteGone(router string, to netip.Prefix, via []netip.Addr, since int64) (at int64, ok bool)
}

// Observation is a recording that runs.
type Observation interface {
	timeline.Sink
	// End stops recording. Captures of packets are kept only where reason says why.
	End(ctx context.Context, reason string) (captures []string, err error)
}

// Injected is a fault in force.
type Injected interface {
	// Window is when injecting it began, and when it was in force: CLOCK_MONOTONIC in nanoseconds.
	Window() (begin, end int64)
	// Clear undoes it. It is harmless when what was broken has healed itself, and the second time.
	Clear(ctx context.Context) error
}

// Measured is what a check found that sent packets while something was broken.
type Measured struct {
	Fault string `json:"fault"` // in words; empty where nothing was broken
	// Limit is the longest outage that was accepted, in nanoseconds, and LimitIs how it came about.
	Limit   time.Duration `json:"limit"`
	LimitIs string        `json:"limitIs"`
	// Outage is the worst flow's: all its outages since the fault together, in nanoseconds. Uncertainty bounds its error.
	Outage      time.Duration `json:"outage"`
	Uncertainty time.Duration `json:"uncertainty"`
	Outages     int           `json:"outages"`        // of that flow
	Span        time.Duration `json:"span"`           // from its first attempt lost to the end of its last outage, in nanoseconds
	Ongoing     bool          `json:"ongoing"`        // it had not ended when the flow was stopped
	First       time.Duration `json:"first,omitzero"` // from the fault to the first attempt lost, in nanoseconds
	Sent        int           `json:"sent"`           // by all flows
	Lost        int           `json:"lost"`           // at least so many, where the verdict is unknown
	Before      live.Carrier  `json:"before"`
	After       live.Carrier  `json:"after"`
	// InjectBegin and InjectEnd are around the fault's coming into force: CLOCK_MONOTONIC in nanoseconds.
	InjectBegin int64 `json:"injectBegin,omitempty"`
	InjectEnd   int64 `json:"injectEnd,omitempty"`
	// Withdrawn is how long after the fault's begin the last router had no route by way of the node, in nanoseconds, and
	// WithdrawnUncertainty by how much less that may have been; of withdrawal only.
	Withdrawn            time.Duration `json:"withdrawn,omitzero"`
	WithdrawnUncertainty time.Duration `json:"withdrawnUncertainty,omitzero"`
}

// FlowRow is one flow, summarized.
type FlowRow struct {
	probe.Result
	// Outage is all its outages since the fault together, in nanoseconds.
	Outage time.Duration `json:"outage"`
	// Before and After are who answered before the fault, and after the last outage since: echo-a on worker.
	Before []string `json:"before"`
	After  []string `json:"after"`
	// Recording is all of its attempts, for whoever wants to draw them. It is shared by a check's flows; Flow is this
	// one's number in it.
	Recording *record.Recording `json:"-"`
	Flow      int               `json:"flow"`
}

// limit is the longest outage accepted, from a check's words and the bound.
func limit(b *bound.Bound, maxOutage, tolerance scenario.Duration) (time.Duration, string, error) {
	switch {
	case maxOutage > 0:
		return maxOutage.Std(), fmt.Sprintf("maxOutage %s", maxOutage), nil
	case b == nil:
		return 0, "", fmt.Errorf("no bound can be computed for this fault; name a maxOutage instead of a tolerance of %s", tolerance)
	}
	return b.Max + tolerance.Std(), fmt.Sprintf("bound %s + tolerance %s", b.Max.Round(time.Millisecond), tolerance), nil
}
