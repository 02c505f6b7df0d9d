package loss

import (
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
)

// Outage is a time without any answered attempt among the attempts sent.
type Outage struct {
	Start, End int64 // CLOCK_MONOTONIC in nanoseconds, by the times of sending
	Lost       int   // attempts lost in the outage, at least one
	// Uncertainty limits the error of Length: the true outage was shorter or longer by at most Uncertainty,
	// provided that the lost attempts were under way no longer than the flow's median. If an end is open,
	// Uncertainty is the uncertainty of the other end.
	Uncertainty time.Duration
	// OpenStart: the first attempt was already lost. OpenEnd: the last attempt was still lost. Length is then the
	// minimum length.
	OpenStart, OpenEnd bool
}

// Length returns the best estimate of the outage's length.
func (o Outage) Length() time.Duration { return time.Duration(o.End - o.Start) }

// Stall is a pause of the prober itself, with nothing sent. Loss during a stall is not visible.
type Stall struct {
	From, Until int64 // CLOCK_MONOTONIC in nanoseconds: the attempts before and after the stall
}

// Length returns the time without sending.
func (s Stall) Length() time.Duration { return time.Duration(s.Until - s.From) }

// outages returns the runs of lost attempts between answered attempts. The attempts are in the order of
// sending; usual is the usual round-trip time of an attempt.
func outages(f record.Flow, sent []record.Attempt, usual time.Duration) []Outage {
	var found []Outage
	for i := 0; i < len(sent); {
		if sent[i].Answered != 0 {
			i++
			continue
		}
		end := i
		for end < len(sent) && sent[end].Answered == 0 {
			end++
		}
		found = append(found, outage(f, sent, i, end, usual))
		i = end
	}
	return found
}

// outage measures the run of lost attempts sent[from:to]. In the pictures, o is an answered attempt, x a lost
// attempt, and the line is the reported outage.
//
// The place of an attempt's loss on the path is unknown; usual is the usual round-trip time.
func outage(f record.Flow, sent []record.Attempt, from, to int, usual time.Duration) Outage {
	var (
		first, last = sent[from].Sent, sent[to-1].Sent
		o           = Outage{Start: first, End: last, Lost: to - from, OpenStart: from == 0, OpenEnd: to == len(sent)}
		early, late time.Duration // possible excess of the true outage's length, and possible shortfall
	)
	switch {
	case o.OpenStart && o.OpenEnd:
		// No attempt was answered, ever.
		//
		//	x x x x x
		//	|-------|
	case o.OpenStart:
		// The outage existed when the probe began; only the end was seen.
		//
		//	x x x o o
		//	|-----|
		o.End = sent[to].Sent
		late, early = time.Duration(o.End-last), time.Duration(upAgain(sent[to:])-o.End)
	case o.OpenEnd:
		// The outage began during the probe, and continued when the probe ended.
		//
		//	o o x x x
		//	    |---|
		late, early = usual, time.Duration(first-upStill(sent[:from], last))
	default:
		// Both ends were seen. The outage began after the last answered attempt was sent, and at the latest when the
		// first lost attempt was under way; the outage ended after the last lost attempt was sent, and at the latest
		// when an attempt after the outage was answered.
		//
		//	o o x x x o o
		//	  ..|---..|
		o.End = sent[to].Sent
		late = time.Duration(o.End-last) + usual
		early = time.Duration(first-upStill(sent[:from], last)) + time.Duration(upAgain(sent[to:])-o.End)
	}
	o.Uncertainty = max(early, late)
	for i := from + 1; i < to; i++ {
		if between := gap(sent[i-1], sent[i]); stalled(f, between) {
			// The prober stalled within the outage: the path may have come back and failed again in the meantime.
			//
			//	o x x     x x o
			//	  |-------....|
			o.Uncertainty += between
		}
	}
	return o
}

// upStill returns the last instant at which the path was certainly up before an outage: the sending time of
// the last attempt answered during the outage or earlier. An attempt answered later proves nothing, because
// TCP may have retransmitted the attempt after the outage.
//
//	o o x x x x
//	|-------------| answered late
//	  |-| answered soon: proof
func upStill(before []record.Attempt, last int64) int64 {
	for i := len(before) - 1; i >= 0; i-- {
		if a := before[i]; a.Answered != 0 && a.Answered <= last {
			return a.Sent
		}
	}
	return before[0].Sent
}

// upAgain returns the first instant at which the path was certainly up after an outage: the first answer to
// any attempt sent after the outage.
func upAgain(after []record.Attempt) int64 {
	first := after[0].Answered
	for _, a := range after {
		if a.Sent >= first {
			break
		}
		if a.Answered != 0 {
			first = min(first, a.Answered)
		}
	}
	return first
}

// stalls returns the gaps in sending of two intervals or more, including a gap before the first attempt.
func stalls(f record.Flow, sent []record.Attempt) []Stall {
	var found []Stall
	before := f.First - int64(f.Interval)
	for _, a := range sent {
		// For one interval no attempt was due; the rest of the gap is the prober's own delay.
		//
		//	o o o       o o
		//	    |-------|
		if stalled(f, time.Duration(a.Sent-before)) {
			found = append(found, Stall{From: before, Until: a.Sent})
		}
		before = a.Sent
	}
	return found
}

func stalled(f record.Flow, between time.Duration) bool { return between >= 2*f.Interval }

func gap(a, b record.Attempt) time.Duration { return time.Duration(b.Sent - a.Sent) }

// underWay returns the round-trip time of an answered attempt.
func underWay(a record.Attempt) time.Duration { return time.Duration(a.Answered - a.Sent) }
