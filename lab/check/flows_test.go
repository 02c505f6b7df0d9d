package check

import (
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
)

// What was under way at the fault was lost by it; what was lost earlier was not.
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

// Answers that came again say nothing of how long an attempt takes.
func TestLongestUnderWay(t *testing.T) {
	rec := &record.Recording{Attempts: []record.Attempt{
		{Seq: 0, Sent: 100, Answered: 150}, {Seq: 1, Sent: 200, Answered: 270}, {Seq: 2, Sent: 300}, {Seq: 0, Sent: 100, Answered: 900, Again: true},
	}}
	if got := longestUnderWay(rec); got != 70 {
		t.Errorf("%d ns; wanted 70", got)
	}
}
