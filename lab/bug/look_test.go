package bug

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/signal"
)

// of returns a signal with fields.
func of(name string, fields scenario.Fields) scenario.Signal {
	return scenario.Signal{Entry: scenario.Entry{Name: name, Fields: fields}}
}

func ofFlow(name, flow string) scenario.Signal {
	s := signal.Outage(flow)
	return of(name, &s)
}

// event returns an elapsed signal with an event at a time after the trigger; 0: never.
func event(comes time.Duration) func(time.Duration) signal.Value {
	return func(now time.Duration) signal.Value {
		if comes != 0 && now >= comes {
			return signal.Took(comes)
		}
		return signal.NotYet(now)
	}
}

// becomes returns a signal with some texts first, and with other texts from an instant on.
func becomes(first signal.Value, at time.Duration, then signal.Value) func(time.Duration) signal.Value {
	return func(now time.Duration) signal.Value {
		if now >= at {
			return then
		}
		return first
	}
}

func TestNothingIsJudgedBeforeItCanBeKnown(t *testing.T) {
	const s = scenario.Duration(time.Second)
	none, yep, nope := 0, true, false
	elapsed := of("elapsed", &signal.Elapsed{})
	rib := of("rib", &signal.RIB{})
	arp := of("arp", &signal.ARP{})
	longer, shorter := scenario.Condition{Longer: 30 * s}, scenario.Condition{Shorter: 10 * s}
	tests := []struct {
		name  string
		o     scenario.Observation
		shows func(time.Duration) signal.Value
		want  Outcome
		// from and to bound the time of the outcome, after the trigger's last act.
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
			becomes(signal.Texts(), time.Second, signal.Texts("02:42")), Wrong, time.Second, 2 * time.Second},
		{"at most none", scenario.Observation{Signal: arp, Right: scenario.Condition{Max: &none}}, becomes(signal.Texts(), time.Hour, signal.Texts()), Right, settled, 4 * time.Second},
		{"without, right after the act", scenario.Observation{Signal: rib, Right: scenario.Condition{Lacks: "r2"}},
			becomes(signal.Texts("r1"), 2*time.Second, signal.Texts("r2")), Wrong, 2 * time.Second, 3 * time.Second},
		{"nothing, right after the act", scenario.Observation{Signal: rib, Right: scenario.Condition{Is: []string{}}},
			becomes(signal.Texts(), 2*time.Second, signal.Texts("r2")), Wrong, 2 * time.Second, 3 * time.Second},
		{"as before, right after the act", scenario.Observation{Signal: rib, Right: scenario.Condition{Changed: &nope}},
			becomes(signal.Texts("r1"), 2*time.Second, signal.Texts("r2")), Wrong, 2 * time.Second, 3 * time.Second},
		{"as before, to the end of within", scenario.Observation{Signal: rib, Right: scenario.Condition{Changed: &nope}, Within: 20 * s},
			becomes(signal.Texts("r1"), 8*time.Second, signal.Texts("r2")), Wrong, 20 * time.Second, 21 * time.Second},
		{"a thing that is there needs one look", scenario.Observation{Signal: rib, Right: scenario.Condition{Is: []string{"r1"}}},
			becomes(signal.Texts("r1"), time.Hour, signal.Texts()), Right, 0, time.Millisecond},
		{"what asks by packets of its own needs one look", scenario.Observation{Signal: of("ttlExceeded", &signal.TTLExceeded{}), Right: scenario.Condition{Max: &none}},
			becomes(signal.Number(0, ""), time.Hour, signal.Value{}), Right, 0, time.Millisecond},
		{"during", scenario.Observation{Signal: rib, Right: scenario.Condition{Max: &none}, During: 10 * s}, becomes(signal.Texts(), time.Hour, signal.Texts()), Right, 10 * time.Second, 11 * time.Second},
		{"the recording of a flow that goes on when it is stopped", scenario.Observation{Signal: ofFlow("outage", "flow"), Right: shorter, Within: 5 * s},
			func(time.Duration) signal.Value { return signal.AtLeast(time.Second) }, Unknown, 0, time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				acted := time.Now()
				before := signal.Texts("r1")
				seen, err := look{Observation: tt.o, before: &before, acted: acted, read: func(context.Context) (signal.Value, error) {
					return tt.shows(time.Since(acted)), nil
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
		seen, err := look{Observation: scenario.Observation{Right: scenario.Condition{Max: &none}}, acted: acted, read: func(context.Context) (signal.Value, error) {
			return signal.Texts(), nil
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
	timed := scenario.Observation{Signal: ofFlow("outage", "flow"), Right: scenario.Condition{Shorter: 15 * s}, Wrong: &scenario.Condition{Longer: 20 * s}}
	during := scenario.Observation{Signal: ofFlow("lost", "flow"), During: 40 * s}
	other := scenario.Observation{Signal: ofFlow("outage", "other"), Right: scenario.Condition{Shorter: 90 * s}}
	for name, tt := range map[string]struct {
		all  []scenario.Observation
		want time.Time
	}{
		"as long as the longest time":      {[]scenario.Observation{timed, other}, at(20)},
		"as long as during":                {[]scenario.Observation{timed, during}, at(45)},
		"until what was done has had time": {[]scenario.Observation{{Signal: ofFlow("lost", "flow")}}, at(4).Add(settled)},
	} {
		if got := sentUntil(tt.all, "flow", zero, at(4), at(5)); !got.Equal(tt.want) {
			t.Errorf("%s: seen %s, want %s", name, got.Sub(zero), tt.want.Sub(zero))
		}
	}
}
