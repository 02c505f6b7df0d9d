package check

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// checkEvent is the check in the timeline, from begin to end.
func checkEvent(r Result, began, ended int64) timeline.Event {
	return timeline.Event{
		At: began, Wall: time.Now().Add(time.Duration(began - ended)), Until: ended, Lane: timeline.LaneCheck, Subject: r.Name,
		Kind: string(r.Verdict), Text: r.Observed, Fields: map[string]string{"expected": r.Expected},
	}
}

// flowEvents are a flow's window and its outages.
func flowEvents(row FlowRow) []timeline.Event {
	if row.Recording == nil || row.Flow >= len(row.Recording.Start.Flows) {
		return nil
	}
	rec := row.Recording
	s := loss.Of(rec.Start.Flows[row.Flow], rec.Of(row.Flow), rec.FlowEnd(row.Flow), loss.Options{MaxStall: maxStall})
	subject := fmt.Sprintf("%s#%d", row.To, row.Flow)
	at := func(from, until int64, kind, text string) timeline.Event {
		return timeline.Event{At: from, Until: until, Wall: rec.Start.Clock.At(from), Lane: timeline.LaneProbe, Subject: subject, Kind: kind, Text: text}
	}
	events := []timeline.Event{at(s.From, s.Until, "flow", fmt.Sprintf("%s to %s: lost %d of %d", row.From, row.Target, s.Lost, s.Sent))}
	for _, o := range s.Outages {
		events = append(events, at(o.Start, o.End, "outage", fmt.Sprintf("out for %s, lost %d", o.Length().Round(time.Millisecond), o.Lost)))
	}
	return events
}

// once makes inARow attempts. The text is the first failure, or "" if all were answered.
func once(ctx context.Context, l Lab, p scenario.Probe, target netip.AddrPort) (string, error) {
	n, err := l.Node(p.From)
	if err != nil {
		return "", err
	}
	shots, err := probe.Once(ctx, n, probe.Shots{Proto: record.Proto(p.Proto), Targets: []netip.AddrPort{target}, Times: inARow})
	if err != nil {
		return "", err
	}
	for _, s := range shots {
		if s.Error != "" {
			return s.Error, nil
		}
	}
	return "", nil
}
