package main

import (
	"fmt"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/check"
)

func TestCount(t *testing.T) {
	all := map[string]sample{}
	count(all, "5 VmRSS:\t  2048 kB skidpad-fault-guard soak1 \nls: gone\n9 VmRSS: 100 kB /agent-1 \n7 VmRSS: 1 kB skidpad-fault-guard soak1 \n", func(command string) string {
		return map[bool]string{true: "guards", false: "agent"}[strings.HasPrefix(command, "skidpad-fault-guard ")]
	})
	if all["guards"] != (sample{2, 12, 2049}) || all["agent"] != (sample{1, 9, 100}) {
		t.Errorf("counted %v", all)
	}
}

func TestJudge(t *testing.T) {
	for want, change := range map[string]func(n int, r *round){
		"":                                   func(int, *round) {},
		"agent grows from 101 to 107 descr":  func(n int, r *round) { r.samples["agent"] = sample{1, 100 + n, 9000} },
		"agent grows from 13000 to 19000 K":  func(n int, r *round) { r.samples["agent"] = sample{1, 9, 12000 + 1000*n} },
		"agent grows from 2 to 8 processes":  func(n int, r *round) { r.samples["agent"] = sample{1 + n, 9, 9000} },
		"round 4: no event bgp/session-down": func(n int, r *round) { r.events["bgp/session-down"] = (n - 3) * (n - 3) },
		"round 9: 1 sources of events ended": func(n int, r *round) { r.events["agent/source-missing"] = n / 8 },
		"round 2: out for 4s":                func(n int, r *round) { r.wrong = map[int][]string{1: {"out for 4s"}}[n] },
	} {
		t.Run(want, func(t *testing.T) {
			var all []round
			for n := range 9 {
				r := round{verdict: check.Held, events: map[string]int{"bgp/session-down": 1}, samples: map[string]sample{"agent": {1, 9, 9000}}}
				change(n, &r)
				all = append(all, r)
			}
			_, wrong := judge(all)
			if want == "" && len(wrong) > 0 || want != "" && !strings.Contains(fmt.Sprint(wrong), want) {
				t.Errorf("found %q, want %q", wrong, want)
			}
		})
	}
}
