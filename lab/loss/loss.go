// Package loss interprets a recording of attempts: the number of lost attempts, the outages and their lengths,
// with the error of each measurement. The package contains only arithmetic: no clock, no I/O.
//
// Results without proof are reported as unknown: a cut recording, or a recording with a stalled prober,
// does not prove an absence of loss.
package loss

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
)

// Options are the judge's own limits.
type Options struct {
	// MaxStall is the longest prober stall that does not invalidate the whole recording; default 50 ms, and never
	// less than three intervals.
	MaxStall time.Duration
	// StallsAreJudged states that the caller adds Summary.Stalled to the outages, as if all packets had been lost
	// in the stalls: then longer stalls do not invalidate the recording.
	StallsAreJudged bool
}

// Summary is the result of a flow. Times are CLOCK_MONOTONIC in nanoseconds.
type Summary struct {
	Flow record.Flow
	// From and Until are the sending times of the first and the last attempt.
	From, Until int64
	Sent        int
	Lost        int // sent and not answered within the flow's timeout
	Duplicated  int // answers beyond the first of an attempt
	Overdue     int // answers to attempts after their timeout; the attempts stay lost
	// Reordered counts answers that came after the answer to a later attempt (RFC 4737, 3.3); UDP only, since
	// separate connections have no order.
	Reordered  int
	Latency    Latency
	Outages    []Outage      // in the order of time
	Stalls     []Stall       // in the order of time
	Stalled    time.Duration // the stalls longer than Options.MaxStall, together
	Skipped    int           // slots not sent because the prober was late; not loss
	AnsweredBy []Answerer
	// Unknown lists the reasons why the numbers prove nothing; empty if the numbers are valid. Observed losses
	// remain losses, but other losses may be missing.
	Unknown []string
}

// Answerer is an endpoint that answered attempts, with the client address seen by the endpoint.
type Answerer struct {
	Pod, Node   string
	Client      string // the source address seen by the answerer, without the port
	Times       int
	First, Last int64 // sending times of the first and the last attempt answered
}

// OfRecording summarizes each flow of a recording, in the order of the flows.
func OfRecording(rec *record.Recording, o Options) []Summary {
	var all []Summary
	for _, f := range rec.Start.Flows {
		all = append(all, Of(f, rec.Of(f.Flow), rec.FlowEnd(f.Flow), o))
	}
	return all
}

// Of summarizes one flow. The attempts may come in any order; end is nil if the recording was cut.
func Of(f record.Flow, attempts []record.Attempt, end *record.FlowEnd, o Options) Summary {
	s := Summary{Flow: f}
	s.possible(attempts)
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

// possible marks a recording that no prober can have written as unknown: its times or slots contradict themselves.
func (s *Summary) possible(attempts []record.Attempt) {
	if s.Flow.Interval <= 0 || s.Flow.First < 0 {
		s.doubt("its flow has an interval of %v and begins at %d", s.Flow.Interval, s.Flow.First)
	}
	for _, a := range attempts {
		switch {
		case a.Seq < 0 || a.Sent < 0:
			s.doubt("slot %d was sent at %d", a.Seq, a.Sent)
		case a.Answered != 0 && a.Answered < a.Sent:
			s.doubt("slot %d was answered %v before it was sent", a.Seq, time.Duration(a.Sent-a.Answered))
		default:
			continue
		}
		return // one reason is enough
	}
}

// split separates first lines from further answers, and orders the first lines by sending time.
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

// complete marks a recording with missing lines as unknown.
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

// steady adds up the prober's long stalls, in which events may be unseen, and marks a recording with long
// stalls as unknown.
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
