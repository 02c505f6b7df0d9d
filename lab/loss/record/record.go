// Package record is what a prober writes and what loss is computed from: a recording of attempts as
// JSON lines. The first line says when and what (Start), one line follows for each attempt, and the
// last line (End) says how many there were, so that a recording which was cut is seen to be cut.
package record

import (
	"encoding/json"
	"strconv"
	"time"
)

// Proto is how an attempt is made.
type Proto string

// The ways to make an attempt.
const (
	UDP      Proto = "udp"       // one datagram on one socket per flow; answered by a datagram
	TCP      Proto = "tcp"       // a connection; answered when it stands
	HTTP     Proto = "http"      // GET / on a connection of its own
	HTTPKept Proto = "http-kept" // GET / on one connection per flow, kept while it works
)

// Protos are all ways to make an attempt, for usage texts and validation.
func Protos() []Proto { return []Proto{UDP, TCP, HTTP, HTTPKept} }

// Clock is one instant on two clocks, so that monotonic times can be shown as times of the day.
type Clock struct {
	Mono int64     `json:"mono"` // CLOCK_MONOTONIC, nanoseconds
	Wall time.Time `json:"wall"`
}

// At is the time of the day of a monotonic instant in nanoseconds, by this clock's pair.
func (c Clock) At(mono int64) time.Time { return c.Wall.Add(time.Duration(mono - c.Mono)) }

// Flow is one target probed at one rate.
type Flow struct {
	Flow     int           `json:"flow"`   // its number in the recording, from 0
	Target   string        `json:"target"` // ADDRESS:PORT
	Proto    Proto         `json:"proto"`
	Interval time.Duration `json:"interval"` // nanoseconds from slot to slot
	Timeout  time.Duration `json:"timeout"`  // nanoseconds after which an attempt counts as lost
	Slots    int           `json:"slots"`    // attempts planned
	First    int64         `json:"first"`    // CLOCK_MONOTONIC in nanoseconds at which slot 0 is due
}

// Due is when a slot is to be sent: CLOCK_MONOTONIC in nanoseconds.
func (f Flow) Due(slot int) int64 { return f.First + int64(slot)*int64(f.Interval) }

// Start is a recording's first line.
type Start struct {
	Clock Clock  `json:"clock"`
	Flows []Flow `json:"flows"`
	// Scheduler is what the senders got: fifo where the host grants it, else nice, else other.
	Scheduler string `json:"scheduler"`
}

// Attempt is one attempt, written when it was answered, failed or timed out; so lines are in the
// order of their ends. Times are CLOCK_MONOTONIC in nanoseconds.
type Attempt struct {
	Flow int `json:"flow"`
	// Seq is the slot. A slot that has no line was not sent: the prober was too late for it.
	Seq      int     `json:"seq"`
	Sent     int64   `json:"sent"`
	Late     int64   `json:"late"`               // how much later than planned it was sent
	Answered int64   `json:"answered,omitempty"` // 0: it was not
	Answer   *Answer `json:"answer,omitempty"`   // nil for TCP, where nobody says who answered
	Error    string  `json:"error,omitempty"`    // why there was no answer
	// Again marks a further answer to an attempt that has a line already: a duplicate if that line
	// holds an answer, an overdue answer if it says timeout.
	Again bool `json:"again,omitempty"`
}

// Append writes the attempt as encoding/json does, many times faster. answer is its Answer as JSON, empty where there
// is none.
func (a Attempt) Append(b, answer []byte) []byte {
	number := func(name string, n int64) {
		b = strconv.AppendInt(append(b, name...), n, 10)
	}
	number(`{"flow":`, int64(a.Flow))
	number(`,"seq":`, int64(a.Seq))
	number(`,"sent":`, a.Sent)
	number(`,"late":`, a.Late)
	if a.Answered != 0 {
		number(`,"answered":`, a.Answered)
	}
	if len(answer) > 0 {
		b = append(append(b, `,"answer":`...), answer...)
	}
	if a.Error != "" {
		text, _ := json.Marshal(a.Error) // no string fails
		b = append(append(b, `,"error":`...), text...)
	}
	if a.Again {
		b = append(b, `,"again":true`...)
	}
	return append(b, '}')
}

// Answer is what the echo program says of itself and of whom it saw.
type Answer struct {
	Pod    string `json:"pod,omitempty"`
	Node   string `json:"node,omitempty"`
	PodIP  string `json:"podIP,omitempty"`
	Client string `json:"client,omitempty"` // IP:port that the echo saw
	Server string `json:"server,omitempty"` // IP:port at which the echo was asked
	Proto  string `json:"proto,omitempty"`
}

// End is a recording's last line.
type End struct {
	Clock  Clock     `json:"clock"`
	Reason string    `json:"reason"` // done, or the signal that ended it
	Flows  []FlowEnd `json:"flows"`
}

// FlowEnd counts a flow's slots that came due: each was sent or skipped.
type FlowEnd struct {
	Flow    int `json:"flow"`
	Sent    int `json:"sent"`
	Skipped int `json:"skipped"`
}

// Line is one line of a recording; exactly one field is set.
type Line struct {
	Start   *Start   `json:"start,omitempty"`
	Attempt *Attempt `json:"attempt,omitempty"`
	End     *End     `json:"end,omitempty"`
}

// Shot is one attempt of the one-shot mode.
type Shot struct {
	Target  string        `json:"target"` // ADDRESS:PORT
	Try     int           `json:"try"`    // from 1
	Local   string        `json:"local,omitempty"`
	Latency time.Duration `json:"latency,omitempty"` // nanoseconds
	Answer  *Answer       `json:"answer,omitempty"`
	Error   string        `json:"error,omitempty"`
}
