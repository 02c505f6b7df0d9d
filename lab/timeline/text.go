package timeline

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/plain"
)

// Text writes the events in order, a line each, with times relative to the first fault, or to the first event
// if there is no fault. The text does not depend on date or machine, so golden files can contain the text.
func (t *Timeline) Text(w io.Writer) error {
	events := t.Events()
	var zero int64
	if len(events) > 0 {
		zero = events[0].At
	}
	for _, e := range events {
		if e.Lane == LaneFault {
			zero = e.At
			break
		}
	}
	return t.TextFrom(w, zero)
}

// TextFrom is Text with times relative to zero, on the clock of Event.At.
func (t *Timeline) TextFrom(w io.Writer, zero int64) error {
	buffered := bufio.NewWriter(w)
	for _, e := range t.Events() {
		if _, err := fmt.Fprintln(buffered, e.Line(zero)); err != nil {
			return fmt.Errorf("timeline: %w", err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("timeline: %w", err)
	}
	return nil
}

// Line writes the event in one line, with the time relative to zero, on the clock of Event.At:
//
//	+1.203417s  bgp        r1                withdraw            203.0.113.50/32 of worker
func (e Event) Line(zero int64) string {
	text := strings.Join(strings.Fields(e.Text), " ") // a line break in the text would look like another event
	if d := e.Length(); d > 0 {
		text += fmt.Sprintf(" (for %s)", seconds(d)[1:])
	}
	return plain.Text(strings.TrimRight(fmt.Sprintf("%12s  %-9s  %-16s  %-18s  %s", seconds(time.Duration(e.At-zero)), e.Lane, e.Subject, e.Kind, text), " "))
}

// seconds writes a duration with its sign, to the microsecond, so that columns align.
func seconds(d time.Duration) string {
	sign := '+'
	if d < 0 {
		sign, d = '-', -d
	}
	us := d.Round(time.Microsecond).Microseconds()
	return fmt.Sprintf("%c%d.%06ds", sign, us/1e6, us%1e6)
}
