package host

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Status is how a finding is to be taken.
type Status string

// The statuses. Fail: no lab can be made. Warn: one can, but something will hurt. Skip: some scenarios or
// faults cannot be had here, and will say so.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Finding is one thing that the doctor looked at.
type Finding struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Seen   string `json:"seen"`
	Wanted string `json:"wanted"`
	Do     string `json:"do,omitempty"` // what to do; empty where there is nothing to do
}

// Report is all that the doctor found.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Healthy reports whether labs can be made: no finding failed.
func (r Report) Healthy() bool {
	for _, f := range r.Findings {
		if f.Status == Fail {
			return false
		}
	}
	return true
}

// Text is the report in aligned columns, with what to do below each finding that needs it, and a line
// that sums up.
func (r Report) Text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	count := map[Status]int{}
	_, _ = fmt.Fprintln(w, "STATUS\tWHAT\tSEEN\tWANTED")
	for _, f := range r.Findings {
		count[f.Status]++
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Status, f.Name, f.Seen, f.Wanted)
	}
	_ = w.Flush() // into memory, which does not fail
	for _, f := range r.Findings {
		if f.Do != "" {
			fmt.Fprintf(&b, "\n%s: %s\n  do: %s\n", f.Status, f.Name, f.Do)
		}
	}
	verdict := "labs can be made here"
	if !r.Healthy() {
		verdict = "no lab can be made here yet"
	}
	fmt.Fprintf(&b, "\n%s: %d ok, %d warn, %d fail, %d skip\n", verdict, count[OK], count[Warn], count[Fail], count[Skip])
	return b.String()
}
