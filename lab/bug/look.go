package bug

import (
	"context"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/signal"
	"skidpad.dev/skidpad/lab/wait"
)

// lookAgain is the pause between two looks at a signal.
const lookAgain = 200 * time.Millisecond

// settled is the shortest duration of an absence after the trigger's last act, if the bug's file gives no time. Right
// after an act, even an event that is on the way is absent. Waiting steps of the trigger count.
const settled = 3 * time.Second

// look is one running observation. Only read and the clock are impure.
type look struct {
	scenario.Observation
	before *signal.Value
	acted  time.Time // the end of the trigger's last act
	read   func(context.Context) (signal.Value, error)
}

// until looks at the signal until the outcome is known: once, until the signal is right (Within), or as long as the
// signal must stay right (During).
func (l look) until(ctx context.Context) (Observed, error) {
	began := time.Now()
	seen := Observed{Name: l.Name, Control: l.Control, Want: signal.Words(l.Right, l.before)}
	looks := 0
	err := wait.Until(ctx, wait.For{What: "observation " + l.Name, Every: lookAgain}, func(ctx context.Context) error {
		looks++
		v, err := l.read(ctx)
		seen.Took = time.Since(began)
		if err != nil && (l.Within == 0 || seen.Took >= l.Within.Std()) {
			return wait.Stop(err)
		}
		if err != nil {
			return err
		}
		var early bool
		seen.Outcome, early = outcome(l.Observation, v, l.before)
		if !v.Final() && !l.known(seen, early) {
			return fmt.Errorf("%s, not decided yet", v)
		}
		seen.Seen = v.String()
		if early {
			seen.Seen += ", too early to tell"
		}
		if looks > 1 || l.During != 0 || l.Within != 0 {
			seen.Seen += fmt.Sprintf(" (after %s)", seen.Took.Round(100*time.Millisecond))
		}
		return nil
	})
	return seen, err
}

// known reports whether the outcome of the last look is final.
func (l look) known(seen Observed, early bool) bool {
	waited := seen.Took >= l.Within.Std()
	switch {
	case early:
		return l.Within != 0 && waited
	case l.During != 0:
		return seen.Outcome != Right || seen.Took >= l.During.Std()
	case seen.Outcome != Right:
		return waited
	case l.Right.Changed != nil && !*l.Right.Changed || l.Right.Never != nil && *l.Right.Never:
		return waited && l.hasSettled() // right from the start: only the end of the time decides
	case l.absence():
		return l.hasSettled()
	}
	return true
}

func (l look) hasSettled() bool { return time.Since(l.acted) >= settled }

// absence reports whether the signal is right because a thing is absent and may still come. A signal with packets of its
// own is no absence: the signal answers the packets.
func (l look) absence() bool {
	if signal.Probes(l.Signal) {
		return false
	}
	c := l.Right
	return c.Lacks != "" || c.Max != nil || c.Is != nil && len(c.Is) == 0
}

// times returns the longest time in an observation's conditions.
func times(o scenario.Observation) time.Duration {
	most := max(o.Right.Longer, o.Right.Shorter)
	if o.Wrong != nil {
		most = max(most, o.Wrong.Longer, o.Wrong.Shorter)
	}
	return most.Std()
}

// sentUntil returns how long a flow must last before all observations of the flow can be judged. The flow must cover the
// times in the conditions, and the time until the trigger's effect shows.
func sentUntil(all []scenario.Observation, name string, sent, acted, now time.Time) time.Time {
	until := acted.Add(settled)
	for _, o := range all {
		if signal.FlowOf(o.Signal) != name {
			continue
		}
		for _, t := range []time.Time{sent.Add(times(o)), now.Add(o.During.Std())} {
			if t.After(until) {
				until = t
			}
		}
	}
	return until
}

// outcome judges a value by an observation. If a value can still become right or wrong, the outcome is Unknown and too
// early.
func outcome(o scenario.Observation, v signal.Value, before *signal.Value) (_ Outcome, tooEarly bool) {
	switch v.Meets(o.Right, before) {
	case signal.Yes:
		return Right, false
	case signal.Early:
		return Unknown, true
	}
	if o.Wrong == nil {
		return Wrong, false
	}
	switch v.Meets(*o.Wrong, before) {
	case signal.Yes:
		return Wrong, false
	case signal.Early:
		return Unknown, true
	}
	return Unknown, false
}
