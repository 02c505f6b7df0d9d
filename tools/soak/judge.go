package main

import (
	"fmt"
	"maps"
	"slices"

	"skidpad.dev/skidpad/lab/check"
)

const (
	// The first rounds fill caches. A part grows if the median of the last third is above that of the first third by more than
	// growth, as a share, and by more than slack, in KiB.
	growth = 0.1
	slack  = 4096
	// more is the accepted difference of the numbers of descriptors and processes: a short-lived connection.
	more = 3
	// enough is the number of rounds that show growth.
	enough = 6
)

// judge returns the totals of all rounds, and the faults found.
func judge(all []round) (said string, wrong []string) {
	verdicts, events, sent, lost := map[check.Verdict]int{}, 0, 0, 0
	for i, r := range all {
		verdicts[r.verdict]++
		sent, lost = sent+r.sent, lost+r.lost
		for _, n := range r.events {
			events += n
		}
		for _, w := range r.wrong {
			wrong = append(wrong, fmt.Sprintf("round %d: %s", i+1, w))
		}
	}
	wrong = append(wrong, missing(all)...)
	wrong = append(wrong, grown(all)...)
	return fmt.Sprintf("%d rounds %v, %d datagrams sent, %d lost, %d events, %d faults found", len(all), verdicts, sent, lost, events, len(wrong)), wrong
}

// missing names the events that a round lacks: kinds of events that most rounds of the same check have. A source that ends
// is a missing source.
func missing(all []round) (wrong []string) {
	rounds, have := map[string]int{}, map[string]map[string]int{}
	for _, r := range all {
		rounds[r.check]++
		if have[r.check] == nil {
			have[r.check] = map[string]int{}
		}
		for kind := range r.events {
			have[r.check][kind]++
		}
	}
	for i, r := range all {
		for _, kind := range slices.Sorted(maps.Keys(have[r.check])) {
			if 2*have[r.check][kind] > rounds[r.check] && r.events[kind] == 0 {
				wrong = append(wrong, fmt.Sprintf("round %d: no event %s, and %d of %d rounds have the event", i+1, kind, have[r.check][kind], rounds[r.check]))
			}
		}
		if n := r.events["agent/source-missing"]; n > 0 {
			wrong = append(wrong, fmt.Sprintf("round %d: %d sources of events ended", i+1, n))
		}
	}
	return wrong
}

// grown names the parts whose memory, descriptors or processes grow.
func grown(all []round) (wrong []string) {
	third := len(all) / 3
	if len(all) < enough {
		return nil
	}
	parts := map[string]bool{}
	for _, r := range all {
		for part := range r.samples {
			parts[part] = true
		}
	}
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		for what, of := range map[string]func(sample) int{
			"KiB": func(s sample) int { return s.KiB }, "descriptors": func(s sample) int { return s.FDs }, "processes": func(s sample) int { return s.Processes },
		} {
			first, last := median(all[:third], part, of), median(all[len(all)-third:], part, of)
			if what == "KiB" && float64(last) > float64(first)*(1+growth) && last > first+slack || what != "KiB" && last > first+more {
				wrong = append(wrong, fmt.Sprintf("%s grows from %d to %d %s", part, first, last, what))
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

func median(rounds []round, part string, of func(sample) int) int {
	var all []int
	for _, r := range rounds {
		all = append(all, of(r.samples[part]))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
