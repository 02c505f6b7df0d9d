package wire

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestPacketsLeaveInTheOrderOfTheirTimes(t *testing.T) {
	start := time.Now()
	var l line
	for id, after := range []time.Duration{5, 1, 5, 3} {
		l.add(held{id: uint32(id), at: start.Add(after)})
	}
	var seen []uint32
	for after := range time.Duration(6) {
		for _, x := range l.due(start.Add(after)) {
			seen = append(seen, x.id)
		}
	}
	if want := []uint32{1, 3, 0, 2}; len(l) != 0 || len(seen) != 4 || [4]uint32(seen) != [4]uint32(want) {
		t.Errorf("seen %v, and %d packets remain; want %v", seen, len(l), want)
	}
}

func TestDelaysAndCorruption(t *testing.T) {
	s := Sending{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Corrupt: 30, Reorder: 10}
	random := rand.New(rand.NewPCG(1, 2))
	const packets = 10_000
	early, changed, sum := 0, 0, time.Duration(0)
	for range packets {
		if d := s.wait(random); d == 0 {
			early++
		} else if sum += d; d < 15*time.Millisecond || d > 25*time.Millisecond {
			t.Fatalf("seen a delay of %s, want 15ms to 25ms", d)
		}
		if p := s.corrupt([]byte{0, 0, 0, 0}, random); p != nil {
			changed++
		}
	}
	if early < 900 || early > 1100 || changed < 2800 || changed > 3200 {
		t.Errorf("of %d packets, seen %d without delay and %d changed, want about 1000 and 3000", packets, early, changed)
	}
	if mean := sum / time.Duration(packets-early); mean < 19*time.Millisecond || mean > 21*time.Millisecond {
		t.Errorf("seen a mean delay of %s, want 20ms", mean)
	}
	if p := (Sending{}).corrupt([]byte{1}, random); p != nil {
		t.Error("a packet changed without corruption")
	}
}
