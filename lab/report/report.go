// Package report writes the results of checks: text for people, JSON for scripts and JUnit XML for CI servers.
package report

import (
	"time"

	"skidpad.dev/skidpad/lab/check"
)

// Run is the results of a scenario's checks.
type Run struct {
	Scenario string         `json:"scenario"`
	Skipped  string         `json:"skipped,omitempty"` // reason without any check
	Notes    []string       `json:"notes,omitempty"`   // remarks on the lab: stand-ins
	Started  time.Time      `json:"started"`
	Duration time.Duration  `json:"duration"` // nanoseconds
	Checks   []check.Result `json:"checks"`
}

// ExitCode is the command's exit code: 1 if a check failed, else 4 if an outcome is unknown or a scenario that ran has
// no outcome, else 0. Skipped checks do not count.
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

// count returns the number of results with a verdict.
func (r Run) count(v check.Verdict) int {
	n := 0
	for _, c := range r.Checks {
		if c.Verdict == v {
			n++
		}
	}
	return n
}
