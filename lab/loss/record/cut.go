package record

// Cut parts a complete recording at an instant (CLOCK_MONOTONIC in nanoseconds) in two: of the attempts sent before it, and
// of the others. Slots that were skipped count where they were due.
func (r *Recording) Cut(at int64) (before, after *Recording) {
	before, after = &Recording{Start: r.Start}, &Recording{Start: r.Start}
	ends := [2]End{}
	if r.End != nil {
		ends[0], ends[1] = End{Clock: r.End.Clock, Reason: r.End.Reason}, End{Clock: r.End.Clock, Reason: r.End.Reason}
		before.End, after.End = &ends[0], &ends[1]
	}
	for _, a := range r.Attempts {
		if a.Sent < at {
			before.Attempts = append(before.Attempts, a)
		} else {
			after.Attempts = append(after.Attempts, a)
		}
	}
	for _, part := range []*Recording{before, after} {
		if part.End == nil {
			continue
		}
		for _, f := range r.Start.Flows {
			part.End.Flows = append(part.End.Flows, part.count(f.Flow))
		}
	}
	return before, after
}

// count is a flow's end as its lines have it: slots without a line, before its last, were skipped.
func (r *Recording) count(flow int) FlowEnd {
	sent := map[int]bool{}
	last := -1
	for _, a := range r.Of(flow) {
		if !a.Again {
			sent[a.Seq] = true
			last = max(last, a.Seq)
		}
	}
	return FlowEnd{Flow: flow, Sent: len(sent), Skipped: last + 1 - len(sent)}
}
