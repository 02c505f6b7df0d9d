package repro

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// event is an elapsed signal whose event comes so long after the trigger; 0: never.
func event(comes time.Duration) func(time.Duration) value {
	return func(now time.Duration) value {
		if comes != 0 && now >= comes {
			return value{time: &comes, final: true}
		}
		return value{time: &now, never: true}
	}
}

// becomes is a signal that shows some texts, and others from an instant on.
func becomes(first value, at time.Duration, then value) func(time.Duration) value {
	return func(now time.Duration) value {
		if now >= at {
			return then
		}
		return first
	}
}

func TestNothingIsJudgedBeforeItCanBeKnown(t *testing.T) {
	const s = scenario.Duration(time.Second)
	none, yep, nope := 0, true, false
	elapsed := scenario.Signal{Elapsed: &scenario.Elapsed{}}
	rib := scenario.Signal{RIB: &scenario.RouteSignal{}}
	arp := scenario.Signal{ARP: &scenario.ARPSignal{}}
	longer, shorter := scenario.Condition{Longer: 30 * s}, scenario.Condition{Shorter: 10 * s}
	tests := []struct {
		name   string
		o      scenario.Observation
		signal func(time.Duration) value
		want   Outcome
		// at is when the outcome is known, after the trigger's last act.
		from, to time.Duration
	}{
		{"longer, and the event never comes", scenario.Observation{Signal: elapsed, Right: longer}, event(0), Right, 30 * time.Second, 31 * time.Second},
		{"longer, and the event comes before", scenario.Observation{Signal: elapsed, Right: longer}, event(12 * time.Second), Wrong, 12 * time.Second, 13 * time.Second},
		{"longer, and within does not reach so far", scenario.Observation{Signal: elapsed, Right: longer, Within: 5 * s}, event(0), Unknown, 5 * time.Second, 6 * time.Second},
		{"shorter, of an event that still comes", scenario.Observation{Signal: elapsed, Right: shorter}, event(4 * time.Second), Right, 4 * time.Second, 5 * time.Second},
		{"shorter, and the event comes too late", scenario.Observation{Signal: elapsed, Right: shorter}, event(0), Wrong, 10 * time.Second, 11 * time.Second},
		{"wrong as described only later", scenario.Observation{Signal: elapsed, Right: shorter, Wrong: &longer}, event(0), Wrong, 30 * time.Second, 31 * time.Second},
		{"between right and wrong", scenario.Observation{Signal: elapsed, Right: shorter, Wrong: &longer}, event(20 * time.Second), Unknown, 20 * time.Second, 21 * time.Second},
		{"never, and the event comes soon", scenario.Observation{Signal: elapsed, Right: scenario.Condition{Never: &yep}}, event(time.Second), Wrong, time.Second, 2 * time.Second},
		{"never", scenario.Observation{Signal: elapsed, Right: scenario.Condition{Never: &yep}}, event(0), Right, settled, 4 * time.Second},
		{"at most none, right after the act", scenario.Observation{Signal: arp, Right: scenario.Condition{Max: &none}},
			becomes(texts(), time.Second, texts("02:42")), Wrong, time.Second, 2 * time.Second},
		{"at most none", scenario.Observation{Signal: arp, Right: scenario.Condition{Max: &none}}, becomes(texts(), time.Hour, texts()), Right, settled, 4 * time.Second},
		{"without, right after the act", scenario.Observation{Signal: rib, Right: scenario.Condition{Lacks: "r2"}},
			becomes(texts("r1"), 2*time.Second, texts("r2")), Wrong, 2 * time.Second, 3 * time.Second},
		{"nothing, right after the act", scenario.Observation{Signal: rib, Right: scenario.Condition{Is: []string{}}},
			becomes(texts(), 2*time.Second, texts("r2")), Wrong, 2 * time.Second, 3 * time.Second},
		{"as before, right after the act", scenario.Observation{Signal: rib, Right: scenario.Condition{Changed: &nope}},
			becomes(texts("r1"), 2*time.Second, texts("r2")), Wrong, 2 * time.Second, 3 * time.Second},
		{"as before, to the end of within", scenario.Observation{Signal: rib, Right: scenario.Condition{Changed: &nope}, Within: 20 * s},
			becomes(texts("r1"), 8*time.Second, texts("r2")), Wrong, 20 * time.Second, 21 * time.Second},
		{"a thing that is there needs one look", scenario.Observation{Signal: rib, Right: scenario.Condition{Is: []string{"r1"}}},
			becomes(texts("r1"), time.Hour, texts()), Right, 0, time.Millisecond},
		{"what asks by packets of its own needs one look", scenario.Observation{Signal: scenario.Signal{TTLExceeded: &scenario.PingSignal{}}, Right: scenario.Condition{Max: &none}},
			becomes(number(0, ""), time.Hour, value{}), Right, 0, time.Millisecond},
		{"during", scenario.Observation{Signal: rib, Right: scenario.Condition{Max: &none}, During: 10 * s}, becomes(texts(), time.Hour, texts()), Right, 10 * time.Second, 11 * time.Second},
		{"the recording of a flow that goes on when it is stopped", scenario.Observation{Signal: scenario.Signal{Outage: "flow"}, Right: shorter, Within: 5 * s},
			func(time.Duration) value { d := time.Second; return value{time: &d, open: true, final: true} }, Unknown, 0, time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				acted := time.Now()
				before := texts("r1")
				seen, err := look{Observation: tt.o, before: &before, acted: acted, read: func(context.Context) (value, error) {
					return tt.signal(time.Since(acted)), nil
				}}.until(t.Context())
				took := time.Since(acted)
				if err != nil || seen.Outcome != tt.want || took < tt.from || took > tt.to {
					t.Errorf("seen %s (%s) after %s, %v; want %s after %s to %s", seen.Outcome, seen.Seen, took, err, tt.want, tt.from, tt.to)
				}
			})
		})
	}
}

func TestTimeThatTheTriggerWaitedCountsForAnAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none, acted := 0, time.Now()
		time.Sleep(settled)
		began := time.Now()
		seen, err := look{Observation: scenario.Observation{Right: scenario.Condition{Max: &none}}, acted: acted, read: func(context.Context) (value, error) {
			return texts(), nil
		}}.until(t.Context())
		if err != nil || seen.Outcome != Right || time.Since(began) != 0 {
			t.Errorf("seen %s after %s, %v; want right at once", seen.Outcome, time.Since(began), err)
		}
	})
}

func TestAFlowIsSentUntilItCanBeJudged(t *testing.T) {
	const s = scenario.Duration(time.Second)
	zero := time.Unix(0, 0)
	at := func(seconds int) time.Time { return zero.Add(time.Duration(seconds) * time.Second) }
	timed := scenario.Observation{Signal: scenario.Signal{Outage: "flow"}, Right: scenario.Condition{Shorter: 15 * s}, Wrong: &scenario.Condition{Longer: 20 * s}}
	during := scenario.Observation{Signal: scenario.Signal{Lost: "flow"}, During: 40 * s}
	other := scenario.Observation{Signal: scenario.Signal{Outage: "other"}, Right: scenario.Condition{Shorter: 90 * s}}
	for name, tt := range map[string]struct {
		all  []scenario.Observation
		want time.Time
	}{
		"as long as the longest time":      {[]scenario.Observation{timed, other}, at(20)},
		"as long as during":                {[]scenario.Observation{timed, during}, at(45)},
		"until what was done has had time": {[]scenario.Observation{{Signal: scenario.Signal{Lost: "flow"}}}, at(4).Add(settled)},
	} {
		if got := sentUntil(tt.all, "flow", zero, at(4), at(5)); !got.Equal(tt.want) {
			t.Errorf("%s: seen %s, want %s", name, got.Sub(zero), tt.want.Sub(zero))
		}
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
		want     answer // to shorter than 500 ms
		lossless answer
	}{
		"all answered":                           {"oooooooo", yes, yes},
		"an outage that ended":                   {"oooxxooo", yes, no},
		"an outage that goes on":                 {"oooxxxxx", early, no},
		"the prober stood still, and a loss":     {"ooxo" + gap + "oo", early, no},
		"the prober stood still":                 {"oooo" + gap + "oo", early, early},
		"an outage that went on for long enough": {"oo" + strings.Repeat("x", 70), no, no},
	} {
		outage, lost, err := worstOf("flow", recordingOf(tt.attempts))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := outage.meets(shorter, nil); got != tt.want {
			t.Errorf("%s: %s is shorter than 500 ms: seen %d, want %d", name, outage, got, tt.want)
		}
		if got := lost.meets(scenario.Condition{Max: &none}, nil); got != tt.lossless {
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
		if got := deaf(tt.events, scenario.Moment{Lane: "fib", Subject: "r3"}); (got != "") != tt.deaf {
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
