// Package bound computes how long an outage may last from the timers that a lab was configured with: one function
// for each mechanism that notices a failure and works around it. It is arithmetic only.
//
// A bound covers what the protocol's timers allow, from the instant of the failure to the instant of the decision.
// What it leaves out, the time that programs and the kernel need to carry the decision out, is for the caller to add
// as a tolerance that it names.
package bound

import (
	"fmt"
	"strings"
	"time"
)

// Bound is a window in which an outage is to end.
type Bound struct {
	Min time.Duration `json:"min"` // nanoseconds
	Max time.Duration `json:"max"` // nanoseconds
	// Formula is how Max comes about, with the numbers put in: 3 × 100ms + (256 − 190) / 256 × 100ms = 326ms.
	Formula string `json:"formula"`
	Source  string `json:"source"` // the document and section that the formula is from
	Terms   []Term `json:"terms,omitempty"`
}

// Term is one configured number that went into a bound.
type Term struct {
	Name  string `json:"name"` // advert interval
	Value string `json:"value"`
}

// String is the window and the formula in one line.
func (b Bound) String() string {
	return fmt.Sprintf("%s (%s)", b.Window(), b.Formula)
}

// Window is the least and the most: 226ms to 326ms; or only the most, where there is no least.
func (b Bound) Window() string {
	switch {
	case b.Max == 0:
		return "0s"
	case b.Min == 0:
		return "up to " + short(b.Max)
	}
	return short(b.Min) + " to " + short(b.Max)
}

// Worst is the bound of a failure that several mechanisms must work around, each for a part of the traffic: the
// longest of them. Without any it is zero.
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

// Then is the bound of one mechanism that begins when another has ended.
func Then(first, second Bound) Bound {
	return Bound{
		Min: first.Min + second.Min, Max: first.Max + second.Max,
		Formula: fmt.Sprintf("%s; then %s; in all %s", first.Formula, second.Formula, short(first.Max+second.Max)),
		Source:  first.Source + "; " + second.Source,
		Terms:   append(append([]Term{}, first.Terms...), second.Terms...),
	}
}

// short writes a duration in milliseconds below ten seconds, and in tenths of a second from there.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.String()
}
