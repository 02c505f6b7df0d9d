package loss

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
)

// Latency is the round-trip time of answered attempts. All fields are 0 if no attempt was answered.
type Latency struct {
	Min, P50, P90, P99, Max time.Duration
}

// latency takes percentiles by nearest rank: each percentile is an observed latency.
func latency(sent []record.Attempt) Latency {
	var all []time.Duration
	for _, a := range sent {
		if a.Answered != 0 {
			all = append(all, underWay(a))
		}
	}
	if len(all) == 0 {
		return Latency{}
	}
	slices.Sort(all)
	rank := func(percent int) time.Duration { return all[(len(all)*percent+99)/100-1] }
	return Latency{Min: all[0], P50: rank(50), P90: rank(90), P99: rank(99), Max: all[len(all)-1]}
}

// reordered counts answers that came after the answer to a later attempt (RFC 4737, 3.3).
//
//	sent      1 2 3 4
//	answered  1 3 2 4
//	              ^ reordered
func reordered(sent []record.Attempt) int {
	var answered []record.Attempt
	for _, a := range sent {
		if a.Answered != 0 {
			answered = append(answered, a)
		}
	}
	// Stable: answers of the same instant stay in the order of sending, and so do not count as reordered.
	slices.SortStableFunc(answered, func(a, b record.Attempt) int { return cmp.Compare(a.Answered, b.Answered) })
	count, last := 0, -1
	for _, a := range answered {
		if a.Seq < last {
			count++
		}
		last = max(last, a.Seq)
	}
	return count
}

// answerers lists the answerers in the order of their first answered attempt.
func answerers(sent []record.Attempt) []Answerer {
	var found []Answerer
	for _, a := range sent {
		if a.Answered == 0 || a.Answer == nil {
			continue
		}
		client := a.Answer.Client
		if at, err := netip.ParseAddrPort(client); err == nil {
			client = at.Addr().String()
		}
		i := slices.IndexFunc(found, func(by Answerer) bool {
			return by.Pod == a.Answer.Pod && by.Node == a.Answer.Node && by.Client == client
		})
		if i < 0 {
			i = len(found)
			found = append(found, Answerer{Pod: a.Answer.Pod, Node: a.Answer.Node, Client: client, First: a.Sent})
		}
		found[i].Times++
		found[i].Last = a.Sent
	}
	return found
}
