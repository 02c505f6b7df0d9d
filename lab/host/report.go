package host

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Status is the severity of a finding.
type Status string

// The statuses. Fail: no lab can be made. Warn: a lab can be made, but with problems. Skip: some scenarios or
// faults are not available here, and report this themselves.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Finding is one result of the doctor.
type Finding struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Seen   string `json:"seen"`
	Wanted string `json:"wanted"`
	Do     string `json:"do,omitempty"` // the remedy; empty if nothing is to do
}

// Report holds all findings of the doctor.
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

// Text returns the report in aligned columns, with the remedy below each finding that needs action, and a
// summary line.
func (r Report) Text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	count := map[Status]int{}
	_, _ = fmt.Fprintln(w, "STATUS\tWHAT\tSEEN\tWANTED")
	for _, f := range r.Findings {
		count[f.Status]++
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Status, f.Name, f.Seen, f.Wanted)
	}
	_ = w.Flush() // into memory, so never fails
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
