package loss_test

import (
	"fmt"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
)

// A flow of ten packets, one per millisecond, loses packets 3 to 6.
func Example() {
	flow := record.Flow{Target: "198.51.100.1:80", Proto: record.UDP, Interval: time.Millisecond, Timeout: 500 * time.Millisecond, Slots: 10}
	var attempts []record.Attempt
	for seq, c := range strings.Split("oooxxxxooo", "") {
		a := record.Attempt{Seq: seq, Sent: flow.Due(seq)}
		if c == "o" {
			a.Answered = a.Sent + int64(200*time.Microsecond)
		}
		attempts = append(attempts, a)
	}
	s := loss.Of(flow, attempts, &record.FlowEnd{Sent: len(attempts)}, loss.Options{})
	fmt.Println(s.Sent, "sent,", s.Lost, "lost, proves nothing because of:", s.Unknown)
	for _, o := range s.Outages {
		fmt.Println("outage of", o.Length(), "±", o.Uncertainty)
	}
	// Output:
	// 10 sent, 4 lost, proves nothing because of: []
	// outage of 4ms ± 1.2ms
}
