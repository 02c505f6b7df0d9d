package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"skidpad.dev/skidpad/lab/labtest/pace"
)

const (
	// cellTime and specTime are the times of a cell of the reachability matrix and of any other spec on the reference, with
	// their share of bringing labs up: 1144 cells and 157 other specs took 20.1 minutes.
	cellTime, specTime = 100 * time.Millisecond, 7 * time.Second
	// tellEvery is the shortest time between two lines of progress: hundreds of specs take a fraction of a second each.
	tellEvery = 5 * time.Second
	// lookEvery is the pause between two looks at the specs that have ended.
	lookEvery = time.Second
	// trust is the share of the run after which its own speed weighs as much as the expected one.
	trust = 0.25
)

// progress is how far a run is.
type progress struct {
	expected      map[string]time.Duration // a spec's time on this machine, by its text
	suites        map[string]string        // a spec's suite, by its text
	all, ended    time.Duration            // expected times of all specs, and of those that have ended
	n, of, failed int
	began, next   time.Time
}

// newProgress expects of a spec the time that it took before; without such a time, the reference's times slowness.
func newProgress(specs, before []spec, slowness float64, began time.Time) *progress {
	took := map[string]time.Duration{}
	for _, s := range before {
		if s.State == "passed" {
			took[s.text()] = s.RunTime
		}
	}
	p := &progress{expected: map[string]time.Duration{}, suites: map[string]string{}, began: began, of: len(specs)}
	for _, s := range specs {
		t, known := took[s.text()]
		if !known {
			t = specTime
			if s.labelled("matrix") {
				t = cellTime
			}
			t = time.Duration(float64(t) * slowness)
		}
		p.expected[s.text()], p.suites[s.text()] = t, s.suite
		p.all += t
	}
	return p
}

// left estimates how long the rest takes when elapsed has passed.
func (p *progress) left(elapsed time.Duration) time.Duration {
	weight := trust * p.all.Seconds()
	if weight == 0 {
		return 0
	}
	return time.Duration(float64(max(0, p.all-p.ended)) * (elapsed.Seconds() + weight) / (p.ended.Seconds() + weight))
}

// add counts a spec that has ended and returns a line about the run, or "" if the last line was just told.
func (p *progress) add(s pace.Spec, now time.Time) string {
	p.n++
	p.ended += p.expected[s.Text]
	failed := s.State != "passed" && s.State != "skipped"
	if failed {
		p.failed++
	}
	if now.Before(p.next) && !failed && p.n < p.of {
		return ""
	}
	p.next = now.Add(tellEvery)
	elapsed := now.Sub(p.began)
	return fmt.Sprintf("[%d of %d, %d failed] %s elapsed, about %s left; %s in %.1fs: %s: %s", p.n, p.of, p.failed, elapsed.Round(time.Second),
		minutes(p.left(elapsed)), s.State, s.Seconds, p.suites[s.Text], s.Text)
}

// follow prints a line for specs that end, until over says how the run ended.
func (p *progress) follow(path string, over <-chan error, w io.Writer) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	read := 0
	for {
		var err error
		running := true
		select {
		case err = <-over:
			running = false
		case <-tick.C:
		}
		text, _ := os.ReadFile(path) // before the first spec has ended, there is none
		for {
			line, _, whole := bytes.Cut(text[min(read, len(text)):], []byte("\n"))
			if !whole {
				break
			}
			read += len(line) + 1
			var s pace.Spec
			if json.Unmarshal(line, &s) != nil {
				continue
			}
			if told := p.add(s, time.Now()); told != "" {
				fmt.Fprintln(w, told)
			}
		}
		if !running {
			return err
		}
	}
}
