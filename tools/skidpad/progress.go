package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/plain"
)

// progress shows steps live: on a terminal the running steps stay at the bottom with their elapsed time; elsewhere each
// step is one line at its end.
type progress struct {
	screen
	start   time.Time
	running []runningStep
}

type runningStep struct {
	name, what string
	since      time.Time
}

// newProgress writes to f, and redraws if f is a terminal.
func newProgress(f *os.File) *progress {
	p := &progress{start: time.Now()}
	p.open(f, p.redraw)
	return p
}

// Begin records the start of a step.
func (p *progress) Begin(name, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, runningStep{name, plain.Text(what), time.Now()})
}

// Note sets the text of a running step.
func (p *progress) Note(name, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text = plain.Text(text)
	if !p.live {
		fmt.Fprintf(p.w, "%7s  %-12s %s\n", p.elapsed(), name, text)
		return
	}
	for i := range p.running {
		if p.running[i].name == name {
			p.running[i].what = text
		}
	}
}

// End writes a step's line.
func (p *progress) End(name string, took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	what := ""
	p.running = slices.DeleteFunc(p.running, func(s runningStep) bool {
		if s.name == name {
			what = s.what
		}
		return s.name == name
	})
	mark := "ok"
	if err != nil {
		mark = "FAILED"
	}
	fmt.Fprintf(p.w, "%7s  %-12s %-6s %6.1fs  %s\n", p.elapsed(), name, mark, took.Seconds(), what)
	p.redraw()
}

// Close removes the live lines.
func (p *progress) Close() {
	p.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

func (p *progress) elapsed() string {
	return fmt.Sprintf("%.1fs", time.Since(p.start).Seconds())
}

func (p *progress) redraw() {
	if !p.live {
		return
	}
	p.erase()
	for _, s := range p.running {
		line := fmt.Sprintf("%7s  %-12s %6.1fs  %s", "…", s.name, time.Since(s.since).Seconds(), s.what)
		if r := []rune(line); p.width > 0 && len(r) > p.width-1 {
			line = string(r[:p.width-1])
		}
		fmt.Fprintln(p.w, line)
		p.drawn++
	}
}
