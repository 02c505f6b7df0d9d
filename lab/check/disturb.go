package check

import (
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

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
