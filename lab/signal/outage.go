package signal

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// maxStall is the longest standstill of a prober whose recording still proves something: two labs may share the machine.
const maxStall = 500 * time.Millisecond

// Outage names a flow and shows how long the flow was not answered, all outages together. Of flows side by side the worst
// counts.
type Outage string

// JudgedBy is a time.
func (Outage) JudgedBy() scenario.Judgement { return scenario.ByTime }

// SetDefaults has nothing to fill in.
func (Outage) SetDefaults(*scenario.Spec) {}

// Flow is the flow's name.
func (s Outage) Flow() string { return string(s) }

// Validate checks that an earlier step sends the flow.
func (s Outage) Validate(v *scenario.Validation, path string) { v.Sent(path, string(s)) }

// Read stops the flow.
func (s Outage) Read(ctx context.Context, r *Run) (Value, error) {
	outage, _, err := r.worst(ctx, string(s))
	return outage, err
}

// worst summarizes the flows that were sent under a name: of the flow with the longest outages, and of the most lost.
func (r *Run) worst(ctx context.Context, name string) (outage, lost Value, err error) {
	rec, err := r.Recording(ctx, name)
	if err != nil {
		return Value{}, Value{}, err
	}
	return worstOf(name, rec)
}

// worstOf is the arithmetic of worst. Numbers of a recording with gaps are the least that the true numbers can be. A
// prober's own standstill counts as time in which all may have been lost.
func worstOf(name string, rec *record.Recording) (outage, lost Value, err error) {
	var out time.Duration
	percent := 0.0
	outage, lost = Value{time: &out, final: true}, Value{final: true, unit: "% lost"}
	for _, s := range loss.OfRecording(rec, loss.Options{MaxStall: maxStall, StallsAreJudged: true}) {
		if s.Sent == 0 || len(s.Unknown) > 0 && s.Lost == 0 {
			return Value{}, Value{}, fmt.Errorf("the recording of %s proves nothing: %s", name, strings.Join(append(s.Unknown, "no loss was seen"), "; "))
		}
		var total time.Duration
		for _, o := range s.Outages {
			total += o.Length()
			outage.open = outage.open || o.OpenEnd
		}
		outage.open = outage.open || len(s.Unknown) > 0
		outage.unseen = max(outage.unseen, s.Stalled)
		lost.least = lost.least || len(s.Unknown) > 0 || s.Stalled > 0
		out = max(out, total)
		percent = max(percent, 100*float64(s.Lost)/float64(s.Sent))
	}
	percent = math.Ceil(percent)
	lost.number = &percent
	return outage, lost, nil
}
