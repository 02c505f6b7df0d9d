package signal

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

func TestMeets(t *testing.T) {
	n := func(n int) *int { return &n }
	yep, nope, five := true, false, 5.0
	second, none := time.Second, time.Duration(0)
	before := Texts("a=1", "b=2")
	tests := []struct {
		name   string
		v      Value
		c      scenario.Condition
		before *Value
		want   Answer
	}{
		{"these, in any order", Texts("b", "a"), scenario.Condition{Is: []string{"a", "b"}}, nil, Yes},
		{"these and one more", Texts("b", "a", "c"), scenario.Condition{Is: []string{"a", "b"}}, nil, No},
		{"nothing", Texts(), scenario.Condition{Is: []string{}}, nil, Yes},
		{"nothing is wanted, something is there", Texts("a"), scenario.Condition{Is: []string{}}, nil, No},
		{"a part of a text", Texts("02:42 (r1)"), scenario.Condition{Has: "(r1)", Lacks: "(r2)"}, nil, Yes},
		{"a word of a text", Texts("invalid"), scenario.Condition{Matches: `\bvalid\b`}, nil, No},
		{"a word of a line", Lines("b", "is valid, best"), scenario.Condition{Matches: `\bvalid\b`}, nil, Yes},
		{"these lines, in any order", Lines("b", "a", "b"), scenario.Condition{Is: []string{"a", "b"}, Max: n(2)}, nil, Yes},
		{"how many texts there are", Texts("a", "b"), scenario.Condition{Max: n(1)}, nil, No},
		{"the number counts, not the texts", Number(5, "", "timeout"), scenario.Condition{Min: n(5)}, nil, Yes},
		{"shorter", Value{time: &second}, scenario.Condition{Shorter: scenario.Duration(2 * time.Second)}, nil, Yes},
		{"no event yet is not yet longer", Value{time: &second, never: true}, scenario.Condition{Longer: scenario.Duration(time.Hour)}, nil, Early},
		{"no event for longer", Value{time: &second, never: true}, scenario.Condition{Longer: scenario.Duration(time.Millisecond)}, nil, Yes},
		{"no event yet can still come in time", Value{time: &none, never: true}, scenario.Condition{Shorter: scenario.Duration(time.Hour)}, nil, Early},
		{"no event in time", Value{time: &second, never: true}, scenario.Condition{Shorter: scenario.Duration(time.Second)}, nil, No},
		{"never", Value{time: &second, never: true}, scenario.Condition{Never: &yep}, nil, Yes},
		{"an event is not never", Value{time: &second}, scenario.Condition{Never: &yep}, nil, No},
		{"an outage without an end can become longer", Value{time: &second, open: true}, scenario.Condition{Shorter: scenario.Duration(2 * time.Second)}, nil, Early},
		{"a prober that stood still can have missed more", Value{time: &second, unseen: time.Second}, scenario.Condition{Shorter: scenario.Duration(2 * time.Second)}, nil, Early},
		{"a prober that stood still for little", Value{time: &second, unseen: time.Second}, scenario.Condition{Shorter: scenario.Duration(3 * time.Second)}, nil, Yes},
		{"more than the most, with gaps", Value{number: &five, least: true}, scenario.Condition{Max: n(4)}, nil, No},
		{"at most so many, with gaps", Value{number: &five, least: true}, scenario.Condition{Max: n(5)}, nil, Early},
		{"as before", Texts("b=2", "a=1"), scenario.Condition{Changed: &nope}, &before, Yes},
		{"other than before", Texts("b=1", "a=2"), scenario.Condition{Changed: &nope}, &before, No},
		{"changed, as wanted", Texts("b=1", "a=2"), scenario.Condition{Changed: &yep}, &before, Yes},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.v.Meets(tt.c, tt.before); got != tt.want {
				t.Errorf("%s meets %s: seen %d, want %d", tt.v, Words(tt.c, tt.before), got, tt.want)
			}
		})
	}
}

// recordingOf is that of a flow with an attempt every 10 ms; x is a lost attempt, a space one that was not sent.
func recordingOf(attempts string) *record.Recording {
	const ms = int64(time.Millisecond)
	flow := record.Flow{Flow: 0, Proto: record.UDP, First: ms, Interval: 10 * time.Millisecond, Timeout: time.Second}
	rec := &record.Recording{Start: record.Start{Flows: []record.Flow{flow}}}
	end := record.FlowEnd{Flow: 0}
	for i, a := range attempts {
		if a == ' ' {
			end.Skipped++
			continue
		}
		sent := ms + int64(i)*10*ms
		attempt := record.Attempt{Flow: 0, Seq: i, Sent: sent, Answered: sent + ms}
		if a == 'x' {
			attempt.Answered = 0
		}
		end.Sent++
		rec.Attempts = append(rec.Attempts, attempt)
	}
	rec.End = &record.End{Flows: []record.FlowEnd{end}}
	return rec
}

func TestRecordingsProveNoMoreThanTheySaw(t *testing.T) {
	gap := strings.Repeat(" ", 100) // 1 s
	shorter := scenario.Condition{Shorter: scenario.Duration(500 * time.Millisecond)}
	none := 0
	for name, tt := range map[string]struct {
		attempts string
		want     Answer // to shorter than 500 ms
		lossless Answer
	}{
		"all answered":                           {"oooooooo", Yes, Yes},
		"an outage that ended":                   {"oooxxooo", Yes, No},
		"an outage that goes on":                 {"oooxxxxx", Early, No},
		"the prober stood still, and a loss":     {"ooxo" + gap + "oo", Early, No},
		"the prober stood still":                 {"oooo" + gap + "oo", Early, Early},
		"an outage that went on for long enough": {"oo" + strings.Repeat("x", 70), No, No},
	} {
		outage, lost, err := worstOf("flow", recordingOf(tt.attempts))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := outage.Meets(shorter, nil); got != tt.want {
			t.Errorf("%s: %s is shorter than 500 ms: seen %d, want %d", name, outage, got, tt.want)
		}
		if got := lost.Meets(scenario.Condition{Max: &none}, nil); got != tt.lossless {
			t.Errorf("%s: %s is at most 0: seen %d, want %d", name, lost, got, tt.lossless)
		}
	}
	if _, _, err := worstOf("flow", recordingOf("")); err == nil {
		t.Error("nothing was sent: seen no error")
	}
}

func TestAnEventThatNobodyListensForProvesNothing(t *testing.T) {
	add := func(subject, kind string) timeline.Event {
		return timeline.New(timeline.LaneAgent, subject, kind, "not watched", nil)
	}
	for name, tt := range map[string]struct {
		events []timeline.Event
		deaf   bool
	}{
		"all listen":                       {nil, false},
		"the router's kernel is not heard": {[]timeline.Event{add("kernel r3", "source-missing")}, true},
		"another router's is not":          {[]timeline.Event{add("kernel r1", "source-missing")}, false},
		"another lane's source is not":     {[]timeline.Event{add("bgp r3", "source-missing")}, false},
		"nothing is":                       {[]timeline.Event{add("watch", "source-missing")}, true},
		"it was not, and is heard again":   {[]timeline.Event{add("kernel r3", "source-missing"), add("kernel r3", "source-back")}, false},
	} {
		if got := deaf(tt.events, Moment{Lane: "fib", Subject: "r3"}); (got != "") != tt.deaf {
			t.Errorf("%s: seen %q, want one: %v", name, got, tt.deaf)
		}
	}
}

// asker is a node on which arping hears no answer.
type asker struct {
	node.Node
	carrier string
}

func (asker) Name() string { return "client" }

func (a asker) Exec(_ context.Context, cmd ...string) ([]byte, error) {
	if cmd[0] == "arping" {
		return nil, &node.ExitError{Code: 1}
	}
	if a.carrier == "" {
		return nil, errors.New("Invalid argument")
	}
	return []byte(a.carrier + "\n"), nil
}

func TestNoAnswerCountsWhenTheRequestCouldBeSent(t *testing.T) {
	for carrier, asked := range map[string]bool{"1": true, "0": false, "": false} {
		macs, err := askedThrice(t.Context(), asker{carrier: carrier}, "lan", netip.MustParseAddr("192.0.2.1"))
		if (err == nil) != asked || len(macs) > 0 {
			t.Errorf("carrier %q: seen %v, %v; want an answer: %v", carrier, macs, err, asked)
		}
	}
}

func TestAPodIsEnteredWhateverItsIPFamily(t *testing.T) {
	e := probe.Endpoints{Pods: []probe.Pod{
		{Name: "echo-1", Node: "worker"}, // has no address yet
		{Name: "echo-2", Node: "worker2", IPs: []netip.Addr{netip.MustParseAddr("fd00::2")}},
		{Name: "echo-3", Node: "worker3", IPs: []netip.Addr{netip.MustParseAddr("10.0.0.3")}},
	}}
	for on, want := range map[string]string{"": "pod/echo@worker2", "worker2": "pod/echo@worker2", "worker3": "pod/echo@worker3", "worker": ""} {
		if got, err := podOrigin("echo", on, e); got != want || (err != nil) != (want == "") {
			t.Errorf("on %q: seen %q, %v, want %q", on, got, err, want)
		}
	}
}

func TestLinesKeepTheirOrder(t *testing.T) {
	if got := Lines("b", "a", "b").String(); got != "b, a, b" {
		t.Errorf("seen %q, want the lines in their order", got)
	}
}
