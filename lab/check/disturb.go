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

// Measured is the measurement of a check that sends packets during a fault.
type Measured struct {
	Fault string `json:"fault"` // in words; "" without a fault
	// Limit is the longest accepted outage, in nanoseconds. LimitIs is the origin of the limit.
	Limit   time.Duration `json:"limit"`
	LimitIs string        `json:"limitIs"`
	// Outage is the sum of the worst flow's outages since the fault, in nanoseconds. Uncertainty bounds the error.
	Outage      time.Duration `json:"outage"`
	Uncertainty time.Duration `json:"uncertainty"`
	Outages     int           `json:"outages"`        // of the worst flow
	Span        time.Duration `json:"span"`           // from the first lost attempt to the end of the last outage, in nanoseconds
	Ongoing     bool          `json:"ongoing"`        // the outage went on when the flow was stopped
	First       time.Duration `json:"first,omitzero"` // from the fault to the first attempt lost, in nanoseconds
	Sent        int           `json:"sent"`           // by all flows
	Lost        int           `json:"lost"`           // a minimum if the verdict is unknown
	Before      live.Carrier  `json:"before"`
	After       live.Carrier  `json:"after"`
	// InjectBegin and InjectEnd are around the fault's coming into force: CLOCK_MONOTONIC in nanoseconds.
	InjectBegin int64 `json:"injectBegin,omitempty"`
	InjectEnd   int64 `json:"injectEnd,omitempty"`
	// Withdrawn is the time from the fault's begin until no router had a route via the node, in nanoseconds. The true time may be
	// shorter by WithdrawnUncertainty. Only set by withdrawal.
	Withdrawn            time.Duration `json:"withdrawn,omitzero"`
	WithdrawnUncertainty time.Duration `json:"withdrawnUncertainty,omitzero"`
}

// FlowRow is one flow, summarized.
type FlowRow struct {
	probe.Result
	// Outage is the sum of the outages since the fault, in nanoseconds.
	Outage time.Duration `json:"outage"`
	// Before and After are the pods that answered before the fault, and after the last outage: echo-a on worker.
	Before []string `json:"before"`
	After  []string `json:"after"`
	// Recording has the attempts of all flows of the check, for drawings; Flow is this flow's number in the recording.
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
