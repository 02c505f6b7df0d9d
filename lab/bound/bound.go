// Package bound computes the possible length of an outage from the lab's configured timers: one function for
// each mechanism that detects a failure and works around the failure. The package contains only arithmetic.
//
// A bound covers the protocol's timers, from the instant of the failure to the instant of the decision. A
// bound excludes the time that programs and the kernel need to carry out the decision: the caller adds this
// time as a named tolerance.
package bound

import (
	"fmt"
	"strings"
	"time"
)

// Bound is a window for the end of an outage.
type Bound struct {
	Min time.Duration `json:"min"` // nanoseconds
	Max time.Duration `json:"max"` // nanoseconds
	// Formula derives Max, with the numbers inserted: 3 × 100ms + (256 − 190) / 256 × 100ms = 326ms.
	Formula string `json:"formula"`
	Source  string `json:"source"` // the document and section of the formula
	Terms   []Term `json:"terms,omitempty"`
}

// Term is one configured number in a bound.
type Term struct {
	Name  string `json:"name"` // advert interval
	Value string `json:"value"`
}

// String returns the window and the formula in one line.
func (b Bound) String() string {
	return fmt.Sprintf("%s (%s)", b.Window(), b.Formula)
}

// Window returns minimum and maximum: 226ms to 326ms; or only the maximum, if there is no minimum.
func (b Bound) Window() string {
	switch {
	case b.Max == 0:
		return "0s"
	case b.Min == 0:
		return "up to " + short(b.Max)
	}
	return short(b.Min) + " to " + short(b.Max)
}

// Worst returns the bound of a failure that several mechanisms work around, each for a part of the traffic:
// the longest bound. Without any bound, Worst returns zero.
func Worst(all ...Bound) Bound {
	var worst Bound
	for i, b := range all {
		if i == 0 || b.Max > worst.Max {
			worst = b
		}
	}
	if len(all) > 1 {
		var formulas []string
		for _, b := range all {
			formulas = append(formulas, b.Formula)
		}
		worst.Formula = "the longest of: " + strings.Join(formulas, "; ")
	}
	return worst
}

// Times returns the bound of n outages in sequence.
func Times(n int, b Bound) Bound {
	b.Min, b.Max = time.Duration(n)*b.Min, time.Duration(n)*b.Max
	b.Formula = fmt.Sprintf("%d times: %s; in all %s", n, b.Formula, short(b.Max))
	return b
}

// short formats a duration in milliseconds below ten seconds, and in tenths of a second from ten seconds.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.String()
}
