package timeline_test

import (
	"os"
	"time"

	"skidpad.dev/skidpad/lab/timeline"
)

// Events of several sources meet on one clock.
func Example() {
	at := func(ms int64, lane timeline.Lane, subject, kind, text string) timeline.Event {
		return timeline.Event{At: ms * int64(time.Millisecond), Lane: lane, Subject: subject, Kind: kind, Text: text}
	}
	var all timeline.Timeline
	all.Add(at(1150, timeline.LaneBGP, "r2", "session-down", "session with r1 ended"))
	all.Add(at(1000, timeline.LaneFault, "r1", "inject", "kill r1"))
	all.Add(at(1160, timeline.LaneFIB, "r2", "route-gone", "203.0.113.0/24 via r1"))
	inject, _ := all.First(timeline.Filter{Lanes: []timeline.Lane{timeline.LaneFault}})
	_ = all.TextFrom(os.Stdout, inject.At)
	// Output:
	//   +0.000000s  fault      r1                inject              kill r1
	//   +0.150000s  bgp        r2                session-down        session with r1 ended
	//   +0.160000s  fib        r2                route-gone          203.0.113.0/24 via r1
}
