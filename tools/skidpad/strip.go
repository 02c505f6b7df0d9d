package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
)

// The least and the greatest number of cells in a strip.
const (
	fewestCells = 10
	mostCells   = 100
)

// strip shows flows live. On a terminal, each flow is one row of cells from the first slot to the last, so an outage is
// visible at once. Elsewhere, each second is a line.
type strip struct {
	screen
	rows []*stripRow
}

// stripRow is one flow.
type stripRow struct {
	flow       record.Flow
	cells      []cell
	seconds    []cell // by the second of their sending
	sent, lost int
	told       int // seconds already printed as a line
	newest     int // of the slots with ended attempts
}

// cell counts the attempts of a time.
type cell struct{ answered, lost int }

func (c *cell) count(answered bool) {
	if answered {
		c.answered++
	} else {
		c.lost++
	}
}

// newStrip writes to f, and redraws if f is a terminal.
func newStrip(f *os.File) *strip {
	s := &strip{screen: screen{width: 80}}
	s.open(f, s.redraw)
	return s
}

// Close leaves the last state on the terminal.
func (s *strip) Close() {
	s.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live {
		s.redraw()
		return
	}
	for _, r := range s.rows {
		s.tell(r, len(r.seconds))
	}
}

// take records a line of the recording.
func (s *strip) take(l record.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.Start != nil {
		s.begin(l.Start.Flows)
	}
	a := l.Attempt
	if a == nil || a.Again || a.Flow >= len(s.rows) || a.Seq < 0 || a.Seq >= s.rows[a.Flow].flow.Slots {
		return
	}
	r := s.rows[a.Flow]
	answered := a.Answered != 0
	r.sent++
	if !answered {
		r.lost++
	}
	r.cells[a.Seq*len(r.cells)/r.flow.Slots].count(answered)
	r.seconds[r.second(a.Seq)].count(answered)
	r.newest = max(r.newest, a.Seq)
	if !s.live {
		// All attempts of a second have ended when an attempt sent a timeout later has ended.
		s.tell(r, int((time.Duration(r.newest)*r.flow.Interval-r.flow.Timeout)/time.Second))
	}
}

func (r *stripRow) second(slot int) int {
	return int(time.Duration(slot) * r.flow.Interval / time.Second)
}

func (s *strip) begin(flows []record.Flow) {
	for _, f := range flows {
		r := &stripRow{flow: f, newest: -1}
		n := min(f.Slots, mostCells, max(fewestCells, s.width-len(label(f))-len("  lost 00000 of 000000")-1))
		r.cells, r.seconds = make([]cell, max(1, n)), make([]cell, r.second(f.Slots-1)+1)
		s.rows = append(s.rows, r)
	}
}

func label(f record.Flow) string { return fmt.Sprintf("%-22s ", f.Target) }

// tell prints the seconds up to before that are not printed yet.
func (s *strip) tell(r *stripRow, before int) {
	for ; r.told < min(before, len(r.seconds)); r.told++ {
		if c := r.seconds[r.told]; c.answered+c.lost > 0 {
			fmt.Fprintf(s.w, "%5ds  %sanswered %d of %d%s\n", r.told, label(r.flow), c.answered, c.answered+c.lost, lostText(c.lost))
		}
	}
}

func lostText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", lost %d", n)
}

func (s *strip) redraw() {
	s.erase()
	for _, r := range s.rows {
		fmt.Fprintln(s.w, r.String())
	}
	s.drawn = len(s.rows)
}

// String returns the row: ─ for all packets answered, ▄ for some lost, █ for all lost.
func (r *stripRow) String() string {
	var b strings.Builder
	b.WriteString(label(r.flow))
	for _, c := range r.cells {
		switch {
		case c.answered+c.lost == 0:
			b.WriteByte(' ')
		case c.lost == 0:
			b.WriteString("\x1b[32m─\x1b[0m")
		case c.answered == 0:
			b.WriteString("\x1b[31m█\x1b[0m")
		default:
			b.WriteString("\x1b[33m▄\x1b[0m")
		}
	}
	fmt.Fprintf(&b, "  lost %d of %d", r.lost, r.sent)
	return b.String()
}
