package loss

import (
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
)

// Outage is a time in which nothing that was sent was answered.
type Outage struct {
	Start, End int64 // CLOCK_MONOTONIC in nanoseconds, by the times of sending
	Lost       int   // attempts lost in it, at least one
	// Uncertainty bounds the error of Length: the true outage was shorter or longer by that at the most,
	// provided that the attempts lost were under way no longer than the flow's median. Where an end is
	// open it is that of the other end.
	Uncertainty time.Duration
	// OpenStart: the first attempt was lost already. OpenEnd: the last one was lost still. Length is
	// then the least that it can have been.
	OpenStart, OpenEnd bool
}

// Length is how long the outage was, as good as can be told.
func (o Outage) Length() time.Duration { return time.Duration(o.End - o.Start) }

// Stall is a time in which the prober, for reasons of its own, sent nothing. Loss in it is not seen.
type Stall struct {
	From, Until int64 // CLOCK_MONOTONIC in nanoseconds: the attempts around it
}

// Length is how long nothing was sent.
func (s Stall) Length() time.Duration { return time.Duration(s.Until - s.From) }

// outages are the runs of lost attempts between answered ones. The attempts are in the order of sending;
// usual is how long one is under way as a rule.
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

// outage measures the run of lost attempts sent[from:to]. In the pictures, o is an attempt that was
// answered, x one that was lost, and the line is the outage as reported.
//
// Where an attempt was lost on its way is not known; usual is how long one is under way, there and back.
func outage(f record.Flow, sent []record.Attempt, from, to int, usual time.Duration) Outage {
	var (
		first, last = sent[from].Sent, sent[to-1].Sent
		o           = Outage{Start: first, End: last, Lost: to - from, OpenStart: from == 0, OpenEnd: to == len(sent)}
		early, late time.Duration // by how much the true one can be longer, and shorter
	)
	switch {
	case o.OpenStart && o.OpenEnd:
		// Nothing was answered, ever.
		//
		//	x x x x x
		//	|-------|
	case o.OpenStart:
		// It was there when the probe began; only its end was seen.
		//
		//	x x x o o
		//	|-----|
		o.End = sent[to].Sent
		late, early = time.Duration(o.End-last), time.Duration(upAgain(sent[to:])-o.End)
	case o.OpenEnd:
		// It began while the probe ran, and went on when the probe ended.
		//
		//	o o x x x
		//	    |---|
		late, early = usual, time.Duration(first-upStill(sent[:from], last))
	default:
		// Both ends were seen. It began after the last answered attempt was sent, and when the first
		// lost one was under way at the latest; it ended after the last lost one was sent, and when an
		// attempt after it was answered at the latest.
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
			// The prober stood still within: what was so long out may have come back and gone again.
			//
			//	o x x     x x o
			//	  |-------....|
			o.Uncertainty += between
		}
	}
	return o
}

// upStill is when the path was certainly up before an outage: the last attempt was sent that was
// answered while the outage lasted or before. One that was answered later may owe that to being
// repeated by TCP after the outage, and proves nothing.
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

// upAgain is when the path was certainly up after an outage: the first time at which any attempt sent
// after it was answered.
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

// stalls are the gaps in sending of two intervals or more, the one before the first attempt included.
func stalls(f record.Flow, sent []record.Attempt) []Stall {
	var found []Stall
	before := f.First - int64(f.Interval)
	for _, a := range sent {
		// Nothing was due for one interval; what is more is the prober's own doing.
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

// underWay is how long an answered attempt was under way, there and back.
func underWay(a record.Attempt) time.Duration { return time.Duration(a.Answered - a.Sent) }
