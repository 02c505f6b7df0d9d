// Package repro reproduces bugs: it brings the halves of a bug's scenario up, does to each what the bug's file says, looks
// at the signals that it names, and tells whether what should fail failed and what should hold held.
package repro

import (
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// Outcome is what one half, or one observation of it, came to.
type Outcome string

// The outcomes.
const (
	Right   Outcome = "right"
	Wrong   Outcome = "wrong"   // as the report describes it
	Unknown Outcome = "unknown" // it could not be observed, or is neither right nor as described
	Skipped Outcome = "skipped" // the half cannot be had here
)

// Verdict is what the halves together say of the bug.
type Verdict string

// The verdicts.
const (
	Reproduced    Verdict = "reproduced"     // the broken half failed as described, the fixed one held
	NotReproduced Verdict = "not reproduced" // the broken half held
	StillBroken   Verdict = "still broken"   // both failed, or there is no fixed one
	Undecided     Verdict = "unknown"
)

// Observed is one observation of a half.
type Observed struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Want    string  `json:"want"`
	Seen    string  `json:"seen"`
	Control bool    `json:"control,omitempty"`
	// Took is how long it was looked at, in nanoseconds.
	Took time.Duration `json:"took"`
}

// Column is one half, run.
type Column struct {
	Half     string     `json:"half"` // broken, fixed, patched or tried
	What     string     `json:"what"`
	Lab      string     `json:"lab"`
	Outcome  Outcome    `json:"outcome"`
	Why      string     `json:"why,omitempty"` // of unknown and skipped
	Observed []Observed `json:"observed,omitempty"`
	// Up and Took are how long the half took to come up, and in all, in nanoseconds.
	Up   time.Duration `json:"up"`
	Took time.Duration `json:"took"`
	Dir  string        `json:"dir,omitempty"` // where its timeline and flows are kept
}

// Report is a bug, put to the test.
type Report struct {
	ID        string        `json:"id"`
	Title     string        `json:"title"`
	Link      string        `json:"link"`
	Component string        `json:"component"`
	Verdict   Verdict       `json:"verdict"`
	Why       string        `json:"why"`
	Columns   []Column      `json:"columns"`
	Started   time.Time     `json:"started"`
	Took      time.Duration `json:"took"` // nanoseconds
	Page      string        `json:"page,omitempty"`
}

// judge says what the columns come to. It is pure.
func judge(columns []Column) (Verdict, string) {
	at := map[string]*Column{}
	for i := range columns {
		at[columns[i].Half] = &columns[i]
	}
	broken, fixed := at[scenario.HalfBroken], at[scenario.HalfFixed]
	switch {
	case broken == nil:
		return Undecided, "the broken half was not run"
	case broken.Outcome == Right:
		return NotReproduced, fmt.Sprintf("%s held", broken.What)
	case broken.Outcome != Wrong:
		return Undecided, fmt.Sprintf("%s: %s", broken.What, broken.Why)
	case fixed == nil:
		return StillBroken, fmt.Sprintf("%s failed as described, and no fix is known", broken.What)
	case fixed.Outcome == Wrong:
		return StillBroken, fmt.Sprintf("%s and %s failed as described", broken.What, fixed.What)
	case fixed.Outcome == Right:
		return Reproduced, fmt.Sprintf("%s failed as described, %s held", broken.What, fixed.What)
	}
	return Undecided, fmt.Sprintf("%s failed as described; %s: %s", broken.What, fixed.What, fixed.Why)
}

// outcomeOf is a half's, by its observations: wrong where one is and all controls hold.
func outcomeOf(all []Observed) (Outcome, string) {
	outcome, why := Right, ""
	for _, o := range all {
		switch {
		case o.Control && o.Outcome != Right:
			return Unknown, fmt.Sprintf("%s: seen %s, want %s, or the rest proves nothing", o.Name, o.Seen, o.Want)
		case o.Control:
		case o.Outcome == Wrong:
			outcome, why = Wrong, ""
		case o.Outcome == Unknown && outcome == Right:
			outcome, why = Unknown, fmt.Sprintf("%s: seen %s, which is neither right nor wrong as described", o.Name, o.Seen)
		}
	}
	return outcome, why
}
