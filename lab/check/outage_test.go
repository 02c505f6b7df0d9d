package check

import (
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// The fault caused the loss of attempts under way at the time, and not of earlier attempts.
func TestSince(t *testing.T) {
	const (
		ms    = int64(time.Millisecond)
		fault = 1000 * ms
	)
	out := func(from, until int64) loss.Outage { return loss.Outage{Start: from * ms, End: until * ms, Lost: 1} }
	for name, tt := range map[string]struct {
		out          loss.Outage
		early, count int
		first        time.Duration
	}{
		"after the fault":                          {out(1020, 1300), 0, 1, 20 * time.Millisecond},
		"from the fault on":                        {out(1000, 1300), 0, 1, 0},
		"under way at the fault":                   {out(997, 1300), 0, 1, 0},
		"under way at the fault, the one alone":    {out(997, 1001), 0, 1, 0},
		"over before the fault":                    {out(997, 999), 1, 0, 0},
		"longer ago than anything takes":           {out(990, 1300), 1, 0, 0},
		"there at the fault, from the first on":    {loss.Outage{Start: 0, End: 1300 * ms, OpenStart: true, Lost: 1}, 1, 0, 0},
		"under way at the fault, and never better": {loss.Outage{Start: 997 * ms, End: 1300 * ms, OpenEnd: true, Lost: 1}, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := since([]loss.Outage{tt.out}, fault, 5*time.Millisecond)
			if got.early != tt.early || got.count != tt.count || got.first != tt.first || got.ongoing != (tt.out.OpenEnd && tt.count > 0) {
				t.Errorf("early %d, counted %d, first after %s, ongoing %t; wanted %d, %d, %s", got.early, got.count, got.first, got.ongoing, tt.early, tt.count, tt.first)
			}
			if tt.count > 0 && got.total != tt.out.Length() {
				t.Errorf("%s in all; wanted the whole outage, %s", got.total, tt.out.Length())
			}
		})
	}
}

// Repeated answers say nothing about the time of an attempt.
func TestLongestUnderWay(t *testing.T) {
	rec := &record.Recording{Attempts: []record.Attempt{
		{Seq: 0, Sent: 100, Answered: 150}, {Seq: 1, Sent: 200, Answered: 270}, {Seq: 2, Sent: 300}, {Seq: 0, Sent: 100, Answered: 900, Again: true},
	}}
	if got := longestUnderWay(rec); got != 70 {
		t.Errorf("%d ns; wanted 70", got)
	}
}

// sentAt is a recording of a flow with 2000 slots. Each attempt was answered; the slots from..until were not sent.
func sentAt(from, until int) *record.Recording {
	const slots = 2000
	const interval = time.Millisecond
	f := record.Flow{Target: "192.0.2.1:80", Proto: record.UDP, Interval: interval, Timeout: late, Slots: slots, First: int64(interval)}
	rec := &record.Recording{Start: record.Start{Flows: []record.Flow{f}}, End: &record.End{}}
	for seq := range slots {
		if seq < from || seq >= until {
			rec.Attempts = append(rec.Attempts, record.Attempt{Seq: seq, Sent: f.Due(seq), Answered: f.Due(seq) + 1000})
		}
	}
	rec.End.Flows = []record.FlowEnd{{Sent: len(rec.Attempts), Skipped: slots - len(rec.Attempts)}}
	return rec
}

// The prober's stalls count from the fault on. Without a fault a long stall makes the recording prove nothing.
func TestJudgeOfStalls(t *testing.T) {
	f := &flows{spec: scenario.Probe{From: "client", To: scenario.TargetPod, Workload: "echo"}}
	at := func(ms int) int64 { return int64(ms) * int64(time.Millisecond) }
	for name, tt := range map[string]struct {
		rec   *record.Recording
		fault int64
		limit time.Duration
		want  Verdict
		seen  string
	}{
		"no stall":                              {sentAt(0, 0), at(1000), 100 * time.Millisecond, Held, "no outage"},
		"before the fault":                      {sentAt(100, 900), at(1000), 100 * time.Millisecond, Held, "no outage"},
		"across the fault":                      {sentAt(900, 1050), at(1000), 100 * time.Millisecond, Unknown, "the prober stood still for 151ms"},
		"after the fault":                       {sentAt(1100, 1250), at(1000), 100 * time.Millisecond, Unknown, "the prober stood still for 151ms"},
		"after the fault, shorter than allowed": {sentAt(1100, 1250), at(1000), 151 * time.Millisecond, Held, "no outage"},
		"nothing was broken, a long stall":      {sentAt(1000, 1300), 0, time.Second, Unknown, "the prober stood still for 301ms"},
		"nothing was broken, a stall too long":  {sentAt(1000, 1200), 0, 100 * time.Millisecond, Unknown, "the prober stood still for 201ms"},
	} {
		t.Run(name, func(t *testing.T) {
			got, told := f.judge(tt.rec, tt.fault).verdict(tt.limit)
			if got != tt.want || !strings.Contains(told, tt.seen) {
				t.Errorf("%s, %q; wanted %s, with %q", got, told, tt.want, tt.seen)
			}
		})
	}
}
