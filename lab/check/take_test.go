package check

import (
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/timeline"
)

// A flow with an outage makes a check fail that held until then, and no flow makes a check hold that failed before.
func TestFlowsAndTheRestOfACheckBothCount(t *testing.T) {
	flows := map[Verdict]judged{
		Held:    {measured: Measured{Sent: 10, Outage: time.Second}},
		Failed:  {measured: Measured{Sent: 10, Outage: 3 * time.Second}},
		Unknown: {measured: Measured{Sent: 10}, unknown: []string{"it was cut"}},
	}
	for _, c := range []struct{ before, flow, want Verdict }{
		{"", Held, Held}, {"", Failed, Failed}, {"", Unknown, Unknown}, {Held, Held, Held}, {Held, Failed, Failed}, {Held, Unknown, Unknown},
		{Failed, Held, Failed}, {Unknown, Held, Unknown},
	} {
		r := Result{Verdict: c.before, Observed: "the rest", Measured: &Measured{Limit: 2 * time.Second}}
		if r.take(flows[c.flow], &timeline.Timeline{}); r.Verdict != c.want {
			t.Errorf("%q before, and the flow %s: %s, want %s", c.before, c.flow, r.Verdict, c.want)
		}
	}
}
