// Package loss says what a recording of attempts means: how many were lost, when nothing came through,
// and for how long, with the error of that measure. It is arithmetic only: no clock, no I/O.
//
// What cannot be known is said to be unknown: a recording that was cut, or in which the prober itself
// stood still, proves no absence of loss.
package loss

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
)

// Options are the judge's own numbers.
type Options struct {
	// MaxStall is how long the prober may stand still before the whole recording proves nothing;
	// default 50 ms, and never less than three intervals.
	MaxStall time.Duration
	// StallsAreJudged says that whoever asks adds Summary.Stalled to the outages, as if all had been lost in it:
	// then longer stalls are no reason to doubt the recording.
	StallsAreJudged bool
}

// Summary is what became of a flow. Times are CLOCK_MONOTONIC in nanoseconds.
type Summary struct {
	Flow record.Flow
	// From and Until are when the first and the last attempt were sent.
	From, Until int64
	Sent        int
	Lost        int // sent and not answered within the flow's timeout
	Duplicated  int // answers beyond the first of an attempt
	Overdue     int // answers to attempts that had timed out; those stay lost
	// Reordered are answers that came after the answer to a later attempt (RFC 4737, 3.3); UDP only,
	// since connections of their own have no order.
	Reordered  int
	Latency    Latency
	Outages    []Outage      // in the order of time
	Stalls     []Stall       // in the order of time
	Stalled    time.Duration // the stalls longer than Options.MaxStall, together
	Skipped    int           // slots not sent because the prober was late; they are no loss
	AnsweredBy []Answerer
	// Unknown says why the numbers prove nothing; empty where they do. Losses seen are losses all the
	// same, but that there were no others is not known.
	Unknown []string
}

// Answerer is who answered some attempts, and whom it saw.
type Answerer struct {
	Pod, Node   string
	Client      string // the source address that the answerer saw, without the port
	Times       int
	First, Last int64 // when the first and the last attempt that it answered were sent
}

// OfRecording summarizes each flow of a recording, in the order of the flows.
func OfRecording(rec *record.Recording, o Options) []Summary {
	var all []Summary
	for _, f := range rec.Start.Flows {
		all = append(all, Of(f, rec.Of(f.Flow), rec.FlowEnd(f.Flow), o))
	}
	return all
}

// Of summarizes one flow. The attempts may come in any order; end is nil where the recording was cut.
func Of(f record.Flow, attempts []record.Attempt, end *record.FlowEnd, o Options) Summary {
	s := Summary{Flow: f}
	sent, again := s.split(attempts)
	s.Sent = len(sent)
	for _, a := range sent {
		if a.Answered == 0 {
			s.Lost++
		}
	}
	s.countAgain(sent, again)
	if len(sent) > 0 {
		s.From, s.Until = sent[0].Sent, sent[len(sent)-1].Sent
	}
	if f.Proto == record.UDP {
		s.Reordered = reordered(sent)
	}
	s.Latency = latency(sent)
	s.Stalls = stalls(f, sent)
	s.Outages = outages(f, sent, s.Latency.P50)
	s.AnsweredBy = answerers(sent)
	s.complete(sent, end)
	s.steady(o)
	return s
}

// split tells first lines from further answers, and orders the first by the time of sending.
func (s *Summary) split(attempts []record.Attempt) (sent, again []record.Attempt) {
	seen := map[int]bool{}
	for _, a := range attempts {
		switch {
		case a.Again:
			again = append(again, a)
		case seen[a.Seq]:
			s.doubt("slot %d has two lines", a.Seq)
		default:
			seen[a.Seq] = true
			sent = append(sent, a)
		}
	}
	slices.SortFunc(sent, func(a, b record.Attempt) int { return cmp.Or(cmp.Compare(a.Sent, b.Sent), cmp.Compare(a.Seq, b.Seq)) })
	return sent, again
}

func (s *Summary) countAgain(sent, again []record.Attempt) {
	answered := map[int]bool{}
	for _, a := range sent {
		answered[a.Seq] = a.Answered != 0
	}
	for _, a := range again {
		first, ok := answered[a.Seq]
		switch {
		case !ok:
			s.doubt("slot %d has a further answer but no line of its own", a.Seq)
		case first:
			s.Duplicated++
		default:
			s.Overdue++
		}
	}
}

// complete doubts a recording that lacks lines.
func (s *Summary) complete(sent []record.Attempt, end *record.FlowEnd) {
	last := -1
	for _, a := range sent {
		last = max(last, a.Seq)
	}
	s.Skipped = last + 1 - len(sent)
	switch {
	case end == nil:
		s.doubt("the recording was cut: after %d attempts it has no last line", len(sent))
	case len(sent) == 0:
		s.doubt("nothing was sent")
	case end.Sent != len(sent) || end.Skipped != s.Skipped:
		s.doubt("the recording lacks lines: it has %d attempts and %d skipped slots, and its end counts %d and %d",
			len(sent), s.Skipped, end.Sent, end.Skipped)
	}
}

// steady adds up for how long the prober stood still so that much may have happened unseen, and doubts such a recording.
func (s *Summary) steady(o Options) {
	most := max(cmp.Or(o.MaxStall, 50*time.Millisecond), 3*s.Flow.Interval)
	for _, stall := range s.Stalls {
		if stall.Length() <= most {
			continue
		}
		s.Stalled += stall.Length()
		if !o.StallsAreJudged {
			s.doubt("the prober stood still for %v, %v after the first slot; up to %v would do",
				stall.Length(), time.Duration(stall.From-s.Flow.First), most)
		}
	}
}

func (s *Summary) doubt(format string, args ...any) {
	s.Unknown = append(s.Unknown, fmt.Sprintf(format, args...))
}
