package probe

import (
	"time"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
)

// ProvesNothing is in the failure of a spec whose recording decides nothing, for example because the prober stood still. A fleet's
// report calls such a spec unknown, not failed.
const ProvesNothing = "the recording proves nothing"

// Result is a flow's summary for scripts (`skidpad probe -o json`). Durations are milliseconds.
type Result struct {
	From   string       `json:"from"`
	To     string       `json:"to"`     // as asked: loadBalancer/echo
	Target string       `json:"target"` // ADDRESS:PORT
	Proto  record.Proto `json:"proto"`
	Rate   float64      `json:"rate"` // attempts a second
	Sent   int          `json:"sent"`
	// Lost is null if the recording proves nothing; LostAtLeast counts the observed losses.
	Lost        *int           `json:"lost"`
	LostAtLeast int            `json:"lostAtLeast"`
	Duplicated  int            `json:"duplicated"`
	Reordered   int            `json:"reordered"`
	Overdue     int            `json:"overdue"`
	Latency     Latency        `json:"latency"`
	Outages     []Outage       `json:"outages"`
	AnsweredBy  []AnsweredBy   `json:"answeredBy"`
	Prober      Prober         `json:"prober"`
	Errors      map[string]int `json:"errors,omitempty"`  // reasons of lost attempts, with counts
	Unknown     []string       `json:"unknown,omitempty"` // reasons why the recording proves nothing
}

// Latency is the round-trip time in milliseconds.
type Latency struct {
	Min float64 `json:"min"`
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Outage is a time without any answer; lengths are milliseconds.
type Outage struct {
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"`
	Length      float64   `json:"length"`
	Uncertainty float64   `json:"uncertainty"`
	Lost        int       `json:"lost"`
	OpenStart   bool      `json:"openStart,omitempty"` // the outage began before the first attempt
	OpenEnd     bool      `json:"openEnd,omitempty"`   // the outage continued after the last attempt
}

// AnsweredBy is a pod that answered, with the source address that the pod saw, and the count.
type AnsweredBy struct {
	Pod    string    `json:"pod"`
	Node   string    `json:"node"`
	Source string    `json:"source"` // the address seen by the pod
	Times  int       `json:"times"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// Prober describes the prober's punctuality; skipped slots are no loss.
type Prober struct {
	Skipped      int     `json:"skipped"`
	LongestStall float64 `json:"longestStall"` // milliseconds; 0 without stalls
	Stalled      float64 `json:"stalled"`      // milliseconds: the sum of the stalls too long to prove anything
	MaxLate      float64 `json:"maxLate"`      // milliseconds
	Scheduler    string  `json:"scheduler"`
}

// Results converts a recording's flows for scripts. An incomplete recording also gives results, marked as
// unknown.
func Results(from, to string, rec *record.Recording, o loss.Options) []Result {
	var all []Result
	for _, s := range loss.OfRecording(rec, o) {
		all = append(all, result(from, to, s, rec))
	}
	return all
}

func result(from, to string, s loss.Summary, rec *record.Recording) Result {
	clock := rec.Start.Clock
	r := Result{
		From: from, To: to, Target: s.Flow.Target, Proto: s.Flow.Proto,
		Rate: float64(time.Second) / float64(s.Flow.Interval), Sent: s.Sent, LostAtLeast: s.Lost,
		Duplicated: s.Duplicated, Reordered: s.Reordered, Overdue: s.Overdue,
		Latency: Latency{Min: millis(s.Latency.Min), P50: millis(s.Latency.P50), P90: millis(s.Latency.P90),
			P99: millis(s.Latency.P99), Max: millis(s.Latency.Max)},
		Outages: []Outage{}, AnsweredBy: []AnsweredBy{},
		Prober:  Prober{Skipped: s.Skipped, Stalled: millis(s.Stalled), Scheduler: rec.Start.Scheduler},
		Errors:  map[string]int{},
		Unknown: s.Unknown,
	}
	if len(s.Unknown) == 0 {
		r.Lost = &s.Lost
	}
	for _, o := range s.Outages {
		r.Outages = append(r.Outages, Outage{Start: clock.At(o.Start), End: clock.At(o.End), Length: millis(o.Length()),
			Uncertainty: millis(o.Uncertainty), Lost: o.Lost, OpenStart: o.OpenStart, OpenEnd: o.OpenEnd})
	}
	for _, by := range s.AnsweredBy {
		r.AnsweredBy = append(r.AnsweredBy, AnsweredBy{Pod: by.Pod, Node: by.Node, Source: by.Client, Times: by.Times,
			First: clock.At(by.First), Last: clock.At(by.Last)})
	}
	for _, stall := range s.Stalls {
		r.Prober.LongestStall = max(r.Prober.LongestStall, millis(stall.Length()))
	}
	for _, a := range rec.Of(s.Flow.Flow) {
		r.Prober.MaxLate = max(r.Prober.MaxLate, millis(time.Duration(a.Late)))
		if a.Error != "" {
			r.Errors[a.Error]++
		}
	}
	return r
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
