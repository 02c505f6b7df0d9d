// Package report writes what checks found: as text for people, as JSON for scripts and as JUnit XML for
// CI servers.
package report

import (
	"time"

	"skidpad.dev/skidpad/lab/check"
)

// Run is what a scenario's checks found.
type Run struct {
	Scenario string         `json:"scenario"`
	Skipped  string         `json:"skipped,omitempty"` // why nothing was checked
	Notes    []string       `json:"notes,omitempty"`   // what is to be known of the lab: what stands in for something else
	Started  time.Time      `json:"started"`
	Duration time.Duration  `json:"duration"` // nanoseconds
	Checks   []check.Result `json:"checks"`
}

// ExitCode is the command's exit code: 1 where a check failed, else 4 where the outcome of one is
// unknown or a scenario that ran had none at all, else 0. What was skipped is no failure.
func ExitCode(runs []Run) int {
	code := 0
	for _, r := range runs {
		if len(r.Checks) == 0 && r.Skipped == "" {
			code = 4
		}
		for _, c := range r.Checks {
			switch c.Verdict {
			case check.Failed:
				return 1
			case check.Held, check.Skipped:
			default:
				code = 4
			}
		}
	}
	return code
}

// count is how many results have a verdict.
func (r Run) count(v check.Verdict) int {
	n := 0
	for _, c := range r.Checks {
		if c.Verdict == v {
			n++
		}
	}
	return n
}
