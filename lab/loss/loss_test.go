package loss

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skidpad.dev/skidpad/lab/loss/record"
)

const ms = int64(time.Millisecond)

var flow = record.Flow{Target: "192.0.2.1:80", Proto: record.UDP, Interval: time.Millisecond, Timeout: 500 * time.Millisecond, Slots: 1000, First: 1000 * ms}

// picture makes attempts from a line: o answered, x lost; a space is a slot not sent.
func picture(line string) (attempts []record.Attempt, end *record.FlowEnd) {
	end = &record.FlowEnd{}
	for seq, c := range line {
		a := record.Attempt{Seq: seq, Sent: flow.Due(seq)}
		switch c {
		case 'o':
			a.Answered = a.Sent + ms/5
		case 'x':
			a.Error = "timeout"
		default:
			end.Skipped++
			continue
		}
		end.Sent++
		attempts = append(attempts, a)
	}
	return attempts, end
}

func TestOutages(t *testing.T) {
	const way = 200 * time.Microsecond
	at := flow.Due
	tests := []struct {
		name, line string
		want       []Outage
	}{
		{"nothing lost", "ooooo", nil},
		{"one lost", "ooxoo", []Outage{{Start: at(2), End: at(3), Lost: 1, Uncertainty: time.Millisecond + way}}},
		{"both ends seen", "ooxxxoo", []Outage{{Start: at(2), End: at(5), Lost: 3, Uncertainty: time.Millisecond + way}}},
		{"two", "oxoxxo", []Outage{
			{Start: at(1), End: at(2), Lost: 1, Uncertainty: time.Millisecond + way},
			{Start: at(3), End: at(5), Lost: 2, Uncertainty: time.Millisecond + way}}},
		{"never answered", "xxxx", []Outage{{Start: at(0), End: at(3), Lost: 4, OpenStart: true, OpenEnd: true}}},
		{"there at the start", "xxoo", []Outage{{Start: at(0), End: at(2), Lost: 2, OpenStart: true, Uncertainty: time.Millisecond}}},
		{"there at the end", "ooxx", []Outage{{Start: at(2), End: at(3), Lost: 2, OpenEnd: true, Uncertainty: time.Millisecond}}},
		{"stall within", "oxx   xxo", []Outage{{Start: at(1), End: at(8), Lost: 4, Uncertainty: 5*time.Millisecond + way}}},
		{"stall before", "oo   xxo", []Outage{{Start: at(5), End: at(7), Lost: 2, Uncertainty: 4*time.Millisecond + way}}},
		{"stall without loss", "oo   oo", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			attempts, end := picture(test.line)
			s := Of(flow, attempts, end, Options{})
			if !reflect.DeepEqual(s.Outages, test.want) {
				t.Errorf("%q: outages\n%+v, wanted\n%+v", test.line, s.Outages, test.want)
			}
			if len(s.Unknown) > 0 {
				t.Errorf("%q: unknown: %q, wanted it to be known", test.line, s.Unknown)
			}
			if lost := strings.Count(test.line, "x"); s.Lost != lost || s.Skipped != strings.Count(test.line, " ") {
				t.Errorf("%q: lost %d, skipped %d", test.line, s.Lost, s.Skipped)
			}
		})
	}
}

// TCP retransmits lost packets: attempts sent around an outage may be answered long after the outage, and do
// not show the outage's begin and end.
func TestRepeatedAttemptsDoNotBlurAnOutage(t *testing.T) {
	attempts, end := picture("ooooxxxxxxxxxxoooo")
	attempts[3].Answered += 200 * ms
	attempts[14].Answered += 200 * ms
	o := Of(flow, attempts, end, Options{}).Outages[0]
	if o.Length() != 10*time.Millisecond || o.Uncertainty > 4*time.Millisecond {
		t.Errorf("%v ±%v, wanted 10ms ± at most 4ms", o.Length(), o.Uncertainty)
	}
}

func TestUnknown(t *testing.T) {
	attempts, end := picture("oooooooo")
	stalled, stalledEnd := picture("oo" + strings.Repeat(" ", 60) + "oo")
	again := record.Attempt{Seq: 3, Answered: 5, Again: true}
	early, below := slices.Clone(attempts), slices.Clone(attempts)
	early[3].Answered, below[0].Seq = early[3].Sent-1, -1
	tests := []struct {
		name     string
		attempts []record.Attempt
		end      *record.FlowEnd
		want     string
	}{
		{"answered before it was sent", early, end, "slot 3 was answered 1ns before it was sent"},
		{"a slot below 0", below, end, "slot -1 was sent"},
		{"no end", attempts, nil, "was cut"},
		{"nothing sent", nil, &record.FlowEnd{}, "nothing was sent"},
		{"a line less at the end", attempts[:7], end, "lacks lines"},
		{"a line less in the middle", append(append([]record.Attempt{}, attempts[:3]...), attempts[4:]...), end, "lacks lines"},
		{"two lines for a slot", append(append([]record.Attempt{}, attempts...), attempts[2]), end, "two lines"},
		{"answer without a line", append(append([]record.Attempt{}, attempts[4:]...), again), end, "no line of its own"},
		{"prober stood still", stalled, stalledEnd, "stood still for 61ms"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := Of(flow, test.attempts, test.end, Options{})
			if !strings.Contains(strings.Join(s.Unknown, "\n"), test.want) {
				t.Errorf("unknown: %q, wanted a reason with %q", s.Unknown, test.want)
			}
		})
	}
	standing := flow
	standing.Interval = 0
	if s := Of(standing, attempts, end, Options{}); len(s.Unknown) == 0 {
		t.Error("a flow without an interval is known")
	}
	if s := Of(flow, stalled, stalledEnd, Options{MaxStall: 100 * time.Millisecond}); len(s.Unknown) > 0 {
		t.Errorf("a stall within what is allowed: %q", s.Unknown)
	}
	if s := Of(flow, stalled, stalledEnd, Options{StallsAreJudged: true}); len(s.Unknown) > 0 || s.Stalled != 61*time.Millisecond {
		t.Errorf("a stall that the asker judges: %q, seen %v, wanted 61ms", s.Unknown, s.Stalled)
	}
}

func TestAnswers(t *testing.T) {
	at := func(seq int, after int64) record.Attempt {
		return record.Attempt{Seq: seq, Sent: flow.Due(seq), Answered: flow.Due(seq) + after*ms,
			Answer: &record.Answer{Pod: "a", Node: "n", Client: "192.0.2.9:40000"}}
	}
	lost := record.Attempt{Seq: 3, Sent: flow.Due(3), Error: "timeout"}
	attempts := []record.Attempt{at(0, 1), at(1, 3), at(2, 1), lost,
		{Seq: 0, Answered: flow.Due(9), Again: true}, {Seq: 3, Answered: flow.Due(600), Again: true}}
	attempts[2].Answer = &record.Answer{Pod: "b", Node: "m", Client: "192.0.2.9:40001"}
	s := Of(flow, attempts, &record.FlowEnd{Sent: 4}, Options{})
	if s.Reordered != 1 || s.Duplicated != 1 || s.Overdue != 1 || s.Lost != 1 || len(s.Unknown) != 0 {
		t.Errorf("reordered %d, duplicated %d, overdue %d, lost %d, unknown %q; wanted 1, 1, 1, 1 and none",
			s.Reordered, s.Duplicated, s.Overdue, s.Lost, s.Unknown)
	}
	want := Latency{Min: time.Millisecond, P50: time.Millisecond, P90: 3 * time.Millisecond, P99: 3 * time.Millisecond, Max: 3 * time.Millisecond}
	if s.Latency != want {
		t.Errorf("latency %+v, wanted %+v", s.Latency, want)
	}
	by := []Answerer{{Pod: "a", Node: "n", Client: "192.0.2.9", Times: 2, First: flow.Due(0), Last: flow.Due(1)},
		{Pod: "b", Node: "m", Client: "192.0.2.9", Times: 1, First: flow.Due(2), Last: flow.Due(2)}}
	if !reflect.DeepEqual(s.AnsweredBy, by) {
		t.Errorf("answered by %+v, wanted %+v", s.AnsweredBy, by)
	}
	tcp := flow
	tcp.Proto = record.TCP
	if s := Of(tcp, attempts, &record.FlowEnd{Sent: 4}, Options{}); s.Reordered != 0 {
		t.Errorf("connections of their own were reordered %d times, wanted 0", s.Reordered)
	}
}

// world is a path with one outage: packets that pass the middle during the outage are dropped.
type world struct {
	down, up     int64 // CLOCK_MONOTONIC ns
	there, later int64 // from sending to passing the middle on the way there, and on the way back
	back         int64 // from sending to the answer
}

func (w world) attempt(seq int, sent int64) record.Attempt {
	a := record.Attempt{Seq: seq, Sent: sent, Late: sent - flow.Due(seq)}
	out := func(at int64) bool { return at >= w.down && at < w.up }
	if out(sent+w.there) || out(sent+w.later) {
		a.Error = "timeout"
	} else {
		a.Answered = sent + w.back
	}
	return a
}

// draw makes a world and a recording of the world by a sometimes late prober with skipped slots.
func draw(t *rapid.T) (world, []record.Attempt, *record.FlowEnd) {
	slots := rapid.IntRange(20, 300).Draw(t, "slots")
	var w world
	w.down = flow.Due(0) + rapid.Int64Range(2*ms, int64(slots)*ms).Draw(t, "down")
	w.up = w.down + rapid.Int64Range(0, 100*ms).Draw(t, "length")
	w.there = rapid.Int64Range(0, ms).Draw(t, "there")
	w.later = w.there + rapid.Int64Range(0, ms).Draw(t, "later")
	w.back = w.later + rapid.Int64Range(1, ms).Draw(t, "back")
	var (
		attempts []record.Attempt
		end      = &record.FlowEnd{}
	)
	for seq := 0; seq < slots; seq++ {
		if skip := rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 0, 0, 1, 7}).Draw(t, "skip"); skip > 0 && seq > 0 && seq+skip < slots {
			end.Skipped += skip
			seq += skip
		}
		end.Sent++
		attempts = append(attempts, w.attempt(seq, flow.Due(seq)+rapid.Int64Range(0, ms-1).Draw(t, "late")))
	}
	return w, attempts, end
}

func TestTheTrueOutageIsWithinTheUncertainty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, attempts, end := draw(t)
		s := Of(flow, attempts, end, Options{})
		if len(s.Unknown) > 0 {
			t.Fatalf("unknown: %q", s.Unknown)
		}
		if len(s.Outages) != 1 || s.Outages[0].OpenStart || s.Outages[0].OpenEnd {
			return
		}
		o, truth := s.Outages[0], time.Duration(w.up-w.down)
		if off := (o.Length() - truth).Abs(); off > o.Uncertainty {
			t.Fatalf("reported %v ±%v, the true outage was %v", o.Length(), o.Uncertainty, truth)
		}
		if o.Start < w.down-2*ms || o.End < w.up-3*ms {
			t.Fatalf("reported from %d to %d, the true outage was from %d to %d", o.Start, o.End, w.down, w.up)
		}
	})
}

func TestCountsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, attempts, end := draw(t)
		s := Of(flow, attempts, end, Options{})
		lost, before := 0, int64(0)
		for _, o := range s.Outages {
			lost += o.Lost
			if o.Lost < 1 || o.Start < before || o.End < o.Start {
				t.Fatalf("outages overlap or are empty: %+v", s.Outages)
			}
			before = o.End
		}
		if lost != s.Lost || s.Sent != end.Sent || s.Skipped != end.Skipped {
			t.Fatalf("%d lost in outages, %d in all; sent %d of %d, skipped %d of %d", lost, s.Lost, s.Sent, end.Sent, s.Skipped, end.Skipped)
		}
		if shuffled := Of(flow, rapid.Permutation(attempts).Draw(t, "order"), end, Options{}); !reflect.DeepEqual(s, shuffled) {
			t.Fatalf("another order of the lines gives\n%+v, not\n%+v", shuffled, s)
		}
		cut := rapid.IntRange(0, len(attempts)-1).Draw(t, "cut")
		missing := append(append([]record.Attempt{}, attempts[:cut]...), attempts[cut+1:]...)
		if s := Of(flow, missing, end, Options{}); len(s.Unknown) == 0 {
			t.Fatalf("without line %d it counts as complete", cut)
		}
	})
}

func TestStallsAreNoLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := []byte(strings.Repeat("o", 100))
		from := rapid.IntRange(0, 90).Draw(t, "from")
		n := rapid.IntRange(1, 9).Draw(t, "slots")
		for i := range n {
			line[from+i] = ' '
		}
		attempts, end := picture(string(line))
		s := Of(flow, attempts, end, Options{})
		if s.Lost != 0 || len(s.Outages) != 0 || len(s.Unknown) != 0 {
			t.Fatalf("lost %d, outages %v, unknown %q; wanted none", s.Lost, s.Outages, s.Unknown)
		}
		if len(s.Stalls) != 1 || s.Stalls[0].Length() != time.Duration(n+1)*time.Millisecond {
			t.Fatalf("stalls %+v, wanted one of %d ms", s.Stalls, n+1)
		}
	})
}
