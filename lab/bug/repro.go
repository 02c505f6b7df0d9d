// Package bug reproduces bugs. The package brings up the halves of a bug's scenario, does the steps of the bug's file
// in each half and looks at the named signals. The verdict compares the result of each half with the expected result.
package bug

import (
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// Outcome is the result of one half or of one observation.
type Outcome string

// The outcomes.
const (
	Right   Outcome = "right"
	Wrong   Outcome = "wrong"   // as in the bug's report
	Unknown Outcome = "unknown" // not observable, or neither right nor as in the report
	Skipped Outcome = "skipped" // the half cannot be had here
)

// Verdict is the common result of the halves.
type Verdict string

// The verdicts.
const (
	Reproduced    Verdict = "reproduced"     // the broken half failed as described, the fixed half held
	NotReproduced Verdict = "not reproduced" // the broken half held
	StillBroken   Verdict = "still broken"   // both halves failed, or no fixed half exists
	Undecided     Verdict = "unknown"
)

// Observed is one observation of a half.
type Observed struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Want    string  `json:"want"`
	Seen    string  `json:"seen"`
	Control bool    `json:"control,omitempty"`
	// Took is the time of the looks, in nanoseconds.
	Took time.Duration `json:"took"`
}

// Column is the result of one half.
type Column struct {
	Half     string     `json:"half"` // broken, fixed, patched or tried
	What     string     `json:"what"`
	Lab      string     `json:"lab"`
	Outcome  Outcome    `json:"outcome"`
	Why      string     `json:"why,omitempty"` // reason of unknown and skipped
	Observed []Observed `json:"observed,omitempty"`
	// Tries is the number of tries of a repeated trigger; the observations are those of the last try. Times is the most tries.
	Tries int `json:"tries,omitempty"`
	Times int `json:"times,omitempty"`
	// Up is the time until the half's lab is up. Took is the total time. Both are in nanoseconds.
	Up   time.Duration `json:"up"`
	Took time.Duration `json:"took"`
	Dir  string        `json:"dir,omitempty"` // folder of the timeline and the flows
}

// Report is the result of a bug's test.
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

// at returns the try in words: "try 3 of 20: "; "" if the trigger is not repeated.
func (c *Column) at() string {
	if c.Times == 0 {
		return ""
	}
	return fmt.Sprintf("try %d of %d: ", c.Tries, c.Times)
}

// did returns what the half did, with the number of tries: "X failed as described at try 3 of 20".
func (c *Column) did(what string) string {
	switch {
	case c.Times == 0:
		return c.What + " " + what
	case c.Outcome == Right:
		return fmt.Sprintf("%s %s in %d tries", c.What, what, c.Tries)
	}
	return fmt.Sprintf("%s %s at try %d of %d", c.What, what, c.Tries, c.Times)
}

// judge returns the verdict of the columns. judge is pure.
func judge(columns []Column) (Verdict, string) {
	const failed = "failed as described"
	at := map[string]*Column{}
	for i := range columns {
		at[columns[i].Half] = &columns[i]
	}
	broken, fixed := at[scenario.HalfBroken], at[scenario.HalfFixed]
	switch {
	case broken == nil:
		return Undecided, "the broken half was not run"
	case broken.Outcome == Right:
		return NotReproduced, broken.did("held")
	case broken.Outcome != Wrong:
		return Undecided, fmt.Sprintf("%s: %s", broken.What, broken.Why)
	case fixed == nil:
		return StillBroken, broken.did(failed) + ", and no fix is known"
	case fixed.Outcome == Wrong:
		return StillBroken, broken.did(failed) + ", " + fixed.did("failed, too")
	case fixed.Outcome == Right:
		return Reproduced, broken.did(failed) + ", " + fixed.did("held")
	}
	return Undecided, fmt.Sprintf("%s; %s: %s", broken.did(failed), fixed.What, fixed.Why)
}

// outcomeOf returns a half's outcome by the half's observations: Wrong if an observation is wrong and all controls hold.
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
