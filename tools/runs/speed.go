package main

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"math/rand"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// speed is the result of a short measure of the machine, with all processors at work.
type speed struct {
	Work   float64 `json:"work"`   // MiB that are compressed in a second (deflate, level 6)
	Starts float64 `json:"starts"` // processes that start and end in a second
}

// reference is the speed of the machine for which limits and referenceTimes are written: a quiet virtual machine with two
// processors (AMD EPYC), Linux, go1.26. Units as in speed.
var reference = speed{Work: 7.5, Starts: 2200}

// measureFor is the length of a measure: half of it is work, and half is starts.
const measureFor = 2 * time.Second

// measure measures the machine for about measureFor.
func measure() speed {
	text := make([]byte, 64<<10)
	random := rand.New(rand.NewSource(1))
	for i := range text {
		text[i] = "abcdefgh"[random.Intn(8)&random.Intn(8)]
	}
	blocks := inASecond(func() bool {
		w, err := flate.NewWriter(io.Discard, 6)
		if err != nil {
			return false
		}
		_, err = io.Copy(w, bytes.NewReader(text))
		return err == nil && w.Close() == nil
	})
	return speed{Work: blocks * float64(len(text)) / (1 << 20), Starts: inASecond(func() bool { return exec.CommandContext(context.Background(), "true").Run() == nil })}
}

// inASecond returns how often once succeeds in a second on all processors together.
func inASecond(once func() bool) float64 {
	var group sync.WaitGroup
	var done atomic.Int64
	began := time.Now()
	for range runtime.NumCPU() {
		group.Go(func() {
			for time.Since(began) < measureFor/2 && once() {
				done.Add(1)
			}
		})
	}
	group.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

// slowness returns how many times slower the machine is than the reference. The slower of both parts counts; a part that
// could not be measured does not.
func (s speed) slowness() float64 {
	worst := 0.0
	for _, part := range [][2]float64{{reference.Work, s.Work}, {reference.Starts, s.Starts}} {
		if part[1] > 0 {
			worst = max(worst, part[0]/part[1])
		}
	}
	return worst
}

func (s speed) String() string {
	return fmt.Sprintf("%.1f MiB/s compressed (reference %.1f), %.0f processes a second (reference %.0f)", s.Work, reference.Work, s.Starts, reference.Starts)
}

// stretch is the factor for time limits: a fast machine keeps the limits of the reference.
func (s speed) stretch() float64 { return max(1, s.slowness()) }

// limit is a time limit on this machine, given the limit on the reference.
func (s speed) limit(onReference time.Duration) time.Duration {
	return time.Duration(float64(onReference) * s.stretch()).Round(time.Second)
}

// referenceTimes are the parts of make test on the reference, with images made and Go's caches filled.
var referenceTimes = struct{ Unit, Routers, Suites time.Duration }{3 * time.Minute, time.Minute, 21 * time.Minute}

// foretell says how fast the machine is and how long make test takes.
func (s speed) foretell() string {
	t := referenceTimes
	all := time.Duration(float64(t.Unit+t.Routers+t.Suites) * s.slowness())
	return fmt.Sprintf("This machine takes %.2f times as long as the reference: %s.\n"+
		"make test: about %s if images exist; the first time also makes images, and takes longer. Time limits are those of the reference times %.2f.\n",
		s.slowness(), s, minutes(all), s.stretch())
}

// minutes writes a duration for a reader who waits.
func minutes(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}
