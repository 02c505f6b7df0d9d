package wire

import (
	"math/rand/v2"
	"slices"
	"time"
)

// envDelay makes a program the process that delays the packets of a namespace; see Main. The value is an assignment in JSON.
const envDelay = "SKIDPAD_DELAY"

// delayer is the name of the process in lists of processes.
const delayer = "skidpad-delay"

// assignment is the work of the process. The process ends with the container whose process ID is PID.
type assignment struct {
	PID   int
	Ports []Port
}

// held is a packet that waits.
type held struct {
	id      uint32
	payload []byte // nil unless the packet changed
	at      time.Time
}

// line holds packets of an interface back, the next packet first. Packets of the same instant leave in the order of their
// arrival.
type line []held

func (l *line) add(p held) {
	i, _ := slices.BinarySearchFunc(*l, p.at, func(have held, at time.Time) int {
		if have.at.After(at) {
			return 1
		}
		return -1
	})
	*l = slices.Insert(*l, i, p)
}

// due removes and returns the packets whose time has come.
func (l *line) due(now time.Time) []held {
	n := 0
	for n < len(*l) && !(*l)[n].at.After(now) {
		n++
	}
	taken := slices.Clone((*l)[:n])
	*l = slices.Delete(*l, 0, n)
	return taken
}

// wait returns the delay of a packet, as tc-netem(8) chooses the delay: evenly from Delay-Jitter to Delay+Jitter, and none for
// the share Reorder.
func (s Sending) wait(random *rand.Rand) time.Duration {
	if random.Float64()*100 < s.Reorder {
		return 0
	}
	return s.Delay + time.Duration((2*random.Float64()-1)*float64(s.Jitter))
}

// corrupt changes a bit of the share Corrupt of the packets, and returns nil for the rest.
func (s Sending) corrupt(payload []byte, random *rand.Rand) []byte {
	if len(payload) == 0 || random.Float64()*100 >= s.Corrupt {
		return nil
	}
	changed := slices.Clone(payload)
	changed[random.IntN(len(changed))] ^= 1 << random.IntN(8)
	return changed
}
