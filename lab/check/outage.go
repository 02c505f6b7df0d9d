package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// late is the time after which a datagram without an answer counts as lost. A fault keeps processors busy, the echo's too:
// a datagram with a late answer was delayed, not lost. A connection has less time, because TCP repeats a lost SYN after a
// second (RFC 6298, 2.1).
const (
	late           = 3 * time.Second
	lateConnection = 900 * time.Millisecond
)

// maxStall is the longest pause of the prober in an undisturbed lab. A recording with a longer pause proves nothing. During a
// fault the limit depends on the accepted outage: see verdict.
const maxStall = 250 * time.Millisecond

// flows are the packets that a check sends.
type flows struct {
	spec    scenario.Probe
	target  netip.AddrPort
	running *probe.Running
}

func (f *flows) to() string { return targetOf(f.spec).String() }

func targetOf(p scenario.Probe) probe.Ref {
	return probe.Ref{Kind: p.To, Workload: p.Workload, Node: p.Gateway}
}

// resolve finds the address of the flows: the first one of several pods or nodes.
func resolve(ctx context.Context, l Lab, p scenario.Probe) (netip.AddrPort, error) {
	e, err := l.Endpoints(ctx, p.Workload)
	if err != nil {
		return netip.AddrPort{}, err
	}
	found, err := e.Resolve(targetOf(p), record.Proto(p.Proto))
	if err != nil {
		return netip.AddrPort{}, err
	}
	return found[0], nil
}

// flowOf is the request to the prober.
func flowOf(p scenario.Probe, target netip.AddrPort) probe.Flow {
	f := probe.Flow{
		Proto: record.Proto(p.Proto), Targets: slices.Repeat([]netip.AddrPort{target}, max(1, p.Flows)),
		Rate: float64(time.Second) / float64(p.Every), Timeout: lateConnection,
	}
	if f.Proto == record.UDP {
		f.Timeout = late
	}
	return f
}

// startFlows begins to send and returns when the prober runs.
func startFlows(ctx context.Context, l Lab, p scenario.Probe, target netip.AddrPort) (*flows, error) {
	n, err := l.Node(p.From)
	if err != nil {
		return nil, err
	}
	running, err := probe.Start(ctx, n, flowOf(p, target))
	if err != nil {
		return nil, err
	}
	return &flows{spec: p, target: target, running: running}, nil
}

// judged is the judgement of a recording.
type judged struct {
	rows     []FlowRow
	measured Measured // only the fields that the recording fills
	// unknown lists the reasons why the recording proves nothing.
	unknown []string
	early   int           // attempts lost in outages without a connection to the fault
	ahead   time.Duration // the time from the begin of the first early outage to the fault
	stall   time.Duration // the longest time, since the fault, in which a flow sent nothing
}

// judge computes the outages since the begin of a fault. A fault at 0 was there from the start:
// then every outage counts.
func (f *flows) judge(rec *record.Recording, fault int64) judged {
	var j judged
	options := loss.Options{MaxStall: maxStall}
	if fault > 0 {
		options.MaxStall = time.Hour // verdict judges stalls, by the outage that is accepted
	}
	summaries := loss.OfRecording(rec, options)
	results := probe.Results(f.spec.From, f.to(), rec, options)
	underWay := longestUnderWay(rec)
	for i, s := range summaries {
		row := FlowRow{Result: results[i], Recording: rec, Flow: s.Flow.Flow}
		out := since(s.Outages, fault, underWay)
		row.Outage = out.total
		row.Before, row.After = answered(rec, s.Flow.Flow, fault, out.end)
		j.rows = append(j.rows, row)
		j.measured.Sent += s.Sent
		j.measured.Lost += s.Lost
		j.early += out.early
		j.ahead = max(j.ahead, out.ahead)
		for _, stall := range s.Stalls {
			if stall.Until > fault {
				j.stall = max(j.stall, stall.Length())
			}
		}
		if i == 0 || out.total > j.measured.Outage {
			j.measured.Outage, j.measured.Uncertainty, j.measured.Outages = out.total, out.uncertainty, out.count
			j.measured.Span = out.span
		}
		j.measured.Ongoing = j.measured.Ongoing || out.ongoing
		if out.count > 0 && fault > 0 && (j.measured.First == 0 || out.first < j.measured.First) {
			j.measured.First = out.first
		}
		for _, why := range s.Unknown {
			j.unknown = appendNew(j.unknown, fmt.Sprintf("flow %d: %s", i, why))
		}
	}
	if len(summaries) == 0 {
		j.unknown = append(j.unknown, "the recording has no flow")
	}
	return j
}

// outageSum is a flow's outages taken together.
type outageSum struct {
	total, uncertainty, first, span time.Duration
	ahead                           time.Duration
	count, early                    int
	ongoing                         bool
	end                             int64 // of the last outage
}

// since adds up the outages that a fault can have caused. An earlier outage counts only if it lasted until the fault, and its
// first attempt may still have been under way: then the fault may have caused the loss of the attempt.
//
//	      fault
//	o x o | o x x o o
//	  |-|     |---|
//	 early    counts
//
//	o o x | x x o o
//	    |-------|
//	     counts, whole: rather too long than too short
//
// An outage with a begin longer ago than underWay counts as early, too: the rest may have another cause.
func since(all []loss.Outage, fault int64, underWay time.Duration) outageSum {
	var sum outageSum
	for _, o := range all {
		if o.Start < fault && (o.End <= fault || fault-o.Start > int64(underWay)) {
			sum.early += o.Lost
			sum.ahead = max(sum.ahead, time.Duration(fault-o.Start))
			continue
		}
		if sum.count == 0 {
			sum.first = max(0, time.Duration(o.Start-fault))
		}
		sum.count++
		sum.total += o.Length()
		sum.uncertainty += o.Uncertainty
		sum.ongoing = sum.ongoing || o.OpenEnd
		sum.end = o.End
		sum.span = time.Duration(o.End-fault) - sum.first
	}
	return sum
}

// longestUnderWay is the longest round trip of any flow. The round trip of a lost attempt is not known.
func longestUnderWay(rec *record.Recording) time.Duration {
	var longest int64
	for _, a := range rec.Attempts {
		if a.Answered != 0 && !a.Again {
			longest = max(longest, a.Answered-a.Sent)
		}
	}
	return time.Duration(longest)
}

// answered lists the pods that answered attempts from before the fault, and from after the last outage.
func answered(rec *record.Recording, flow int, fault, end int64) (before, after []string) {
	before, after = []string{}, []string{}
	for _, a := range rec.Attempts {
		if a.Flow != flow || a.Answered == 0 || a.Again || a.Answer == nil {
			continue
		}
		who := fmt.Sprintf("%s on %s", a.Answer.Pod, a.Answer.Node)
		switch {
		case a.Sent < fault:
			before = appendNew(before, who)
		case a.Sent >= end:
			after = appendNew(after, who)
		}
	}
	slices.Sort(before)
	slices.Sort(after)
	return before, after
}

// verdict judges flows by the longest accepted outage. A too long outage fails, also in an incomplete recording. Flows hold
// only if the recording is complete, and if the outage plus the prober's own pauses stays below the limit.
func (j judged) verdict(limit time.Duration) (Verdict, string) {
	m := j.measured
	told := m.told()
	switch {
	case m.Sent > 0 && m.Lost == m.Sent:
		return Failed, fmt.Sprintf("nothing of %d was answered", m.Sent)
	case m.Ongoing:
		return Failed, "not answered again: " + told
	case m.Outage > limit:
		return Failed, fmt.Sprintf("%s, more than %s", told, limit.Round(time.Millisecond))
	case j.early > 0:
		return Unknown, fmt.Sprintf("%d were lost before the fault, or in an outage that began so, the first %s before it, so the rest is not known to be the fault's: %s",
			j.early, j.ahead.Round(time.Millisecond), told)
	case len(j.unknown) > 0:
		return Unknown, "the recording proves nothing: " + strings.Join(j.unknown, "; ") + "; seen: " + told
	case m.Outage+j.stall > limit:
		return Unknown, fmt.Sprintf("the prober stood still for %s, so the outage may have been longer than %s; seen: %s",
			j.stall.Round(time.Millisecond), limit.Round(time.Millisecond), told)
	}
	return Held, told
}

// told is the measure in words: out for 312 ms (± 3 ms), lost 312 of 4210.
func (m Measured) told() string {
	if m.Outages == 0 {
		return fmt.Sprintf("no outage, lost %d of %d", m.Lost, m.Sent)
	}
	text := fmt.Sprintf("out for %s (± %s)", m.Outage.Round(time.Millisecond), m.Uncertainty.Round(time.Millisecond))
	if m.Outages > 1 {
		text += fmt.Sprintf(" in %d outages over %s", m.Outages, m.Span.Round(time.Millisecond))
	}
	return fmt.Sprintf("%s, lost %d of %d", text, m.Lost, m.Sent)
}
