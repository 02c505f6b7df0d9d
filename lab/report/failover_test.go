package report

import (
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/live"
)

func TestFailoverTable(t *testing.T) {
	b := bound.VRRP{Advert: 100 * time.Millisecond, Priority: 190}.Silent()
	checks := []check.Result{
		{Name: "sessions of r1, r2", Verdict: check.Held},
		{Name: "failover: VRRP master killed", Verdict: check.Held, Bound: &b, Measured: &check.Measured{
			Fault: "kill r1", Limit: 626 * time.Millisecond, Outage: 312 * time.Millisecond, Uncertainty: 3 * time.Millisecond, Outages: 1, Sent: 4210, Lost: 312,
			Before: live.Carrier{Router: "r1", Nodes: []string{"worker", "worker2"}}, After: live.Carrier{Router: "r2", Nodes: []string{"worker", "worker2"}},
		}, Flows: []check.FlowRow{{Before: []string{"echo-a on skidpad-x-worker"}, After: []string{"echo-a on skidpad-x-worker"}},
			{Before: []string{"echo-b on skidpad-x-worker2"}, After: []string{"echo-a on skidpad-x-worker"}}}},
		{Name: "failover: link edge of r1 down", Verdict: check.Failed, Measured: &check.Measured{Fault: "link edge of r1 down", Limit: time.Second,
			Outage: 2 * time.Second, Outages: 2, Span: 12 * time.Second, Ongoing: true, Sent: 4000, Lost: 2000}},
		{Name: "failover: drain worker", Verdict: check.Unknown, Measured: &check.Measured{Fault: "drain worker"}},
		{Name: "held: client to loadBalancer/echo for 5s", Verdict: check.Held, Measured: &check.Measured{Sent: 5000}},
	}
	got := failovers(checks)
	for _, want := range []string{
		"VRRP master killed (kill r1)", "226ms to 326ms", "626 ms", "312 ms ± 3", "312 of 4210",
		"r1 → worker, worker2 ⇒ r2 → worker, worker2", "worker, worker2 ⇒ worker\n",
		"no timer", "in 2 over 12.0 s, not over", "not measured",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "held:") || strings.Contains(got, "sessions of") || strings.Count(got, "\n") != 4 {
		t.Errorf("wanted a heading and three faults:\n%s", got)
	}
	if failovers(checks[:1]) != "" {
		t.Error("want no table without a fault")
	}
}
