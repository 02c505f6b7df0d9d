package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
)

// outageOf sends the lines of a recording to take: 3 s at 10 Hz, with slots 12 to 17 lost, in the order of their ends.
func outageOf(take func(record.Line)) {
	f := record.Flow{Target: "198.51.100.1:80", Interval: 100 * time.Millisecond, Timeout: 500 * time.Millisecond, Slots: 30}
	take(record.Line{Start: &record.Start{Flows: []record.Flow{f}}})
	for slot := range 30 {
		if slot < 12 || slot > 17 {
			take(record.Line{Attempt: &record.Attempt{Seq: slot, Answered: 1}})
		}
		if late := slot - 5; late >= 12 && late <= 17 {
			take(record.Line{Attempt: &record.Attempt{Seq: late, Error: "timeout"}})
		}
	}
}

func TestStripOnATerminal(t *testing.T) {
	s := &strip{screen: screen{width: 80, live: true}}
	outageOf(s.take)
	plain := strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(s.rows[0].String())
	if want := "198.51.100.1:80        ────────────██████────────────  lost 6 of 30"; plain != want {
		t.Errorf("got  %s\nwant %s", plain, want)
	}
	s = &strip{screen: screen{width: 10, live: true}} // ten cells of three slots
	outageOf(s.take)
	if got := s.rows[0].String(); strings.Count(got, "█") != 2 || strings.Count(got, "─") != 8 {
		t.Errorf("got %s, wanted two of ten cells lost", got)
	}
}

func TestStripElsewhere(t *testing.T) {
	var out bytes.Buffer
	s := &strip{screen: screen{w: &out, width: 80}}
	outageOf(s.take)
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("before the end %d seconds were printed, wanted 2: the last second may still change", n)
	}
	s.Close()
	want := "    0s  198.51.100.1:80        answered 10 of 10\n" +
		"    1s  198.51.100.1:80        answered 4 of 10, lost 6\n" +
		"    2s  198.51.100.1:80        answered 10 of 10\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
