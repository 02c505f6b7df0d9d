package bug

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mitchellh/go-wordwrap"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/scenario"
)

// ExitCode returns the command's exit code: 0 reproduced, 1 still broken or a patch that does not hold, else 4.
func (r *Report) ExitCode() int {
	for _, c := range r.Columns {
		if c.Half == scenario.HalfPatched && c.Outcome == Wrong {
			return 1
		}
		if c.Half == scenario.HalfPatched && c.Outcome != Right {
			return 4
		}
	}
	switch r.Verdict {
	case Reproduced:
		return 0
	case StillBroken:
		return 1
	}
	return 4
}

// Text returns the report for people: a row for each observation, a column for each half, then the verdict.
func (r *Report) Text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s: %s\n%s\n\n", r.ID, r.Title, r.Link)
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	heads := []string{"OBSERVATION", "EXPECTED"}
	for _, c := range r.Columns {
		heads = append(heads, strings.ToUpper(c.Half)+": "+c.What)
	}
	fmt.Fprintln(table, strings.Join(heads, "\t"))
	for _, row := range r.rows() {
		for _, line := range wrapped(row) {
			fmt.Fprintln(table, strings.Join(line, "\t"))
		}
	}
	_ = table.Flush() // a builder never fails
	out.WriteByte('\n')
	for _, c := range r.Columns {
		if c.Times > 0 {
			fmt.Fprintf(&out, "%s: %s at try %d of %d\n", c.Half, c.Outcome, c.Tries, c.Times)
		}
		if c.Why != "" {
			fmt.Fprintf(&out, "%s: %s: %s\n", c.Half, c.Outcome, c.Why)
		}
	}
	fmt.Fprintf(&out, "verdict: %s: %s\n", r.Verdict, r.Why)
	fmt.Fprintf(&out, "took:    %s", r.Took.Round(time.Second))
	for _, c := range r.Columns {
		fmt.Fprintf(&out, "; %s up in %s", c.Half, c.Up.Round(time.Second))
	}
	out.WriteByte('\n')
	if r.Page != "" {
		fmt.Fprintf(&out, "report:  %s\n", r.Page)
	}
	return out.String()
}

// cellWidth is the width of a cell in characters: a wide terminal holds four cells side by side.
const cellWidth = 44

// wrapped breaks a row's cells into lines; the longest cell sets the number of lines.
func wrapped(row []string) [][]string {
	var lines [][]string
	for column, cell := range row {
		for i, part := range strings.Split(wordwrap.WrapString(cell, cellWidth), "\n") {
			if i == len(lines) {
				lines = append(lines, make([]string, len(row)))
			}
			lines[i][column] = part
		}
	}
	return lines
}

// rows has a line for each observation of any half, in the bug's order.
func (r *Report) rows() [][]string {
	var rows [][]string
	most := 0
	for _, c := range r.Columns {
		most = max(most, len(c.Observed))
	}
	for i := range most {
		row := make([]string, 2, 2+len(r.Columns))
		for _, c := range r.Columns {
			cell := "-"
			if i < len(c.Observed) {
				o := c.Observed[i]
				row[0], row[1] = o.Name, cmp.Or(row[1], o.Want)
				cell = fmt.Sprintf("%s: %s", o.Outcome, o.Seen)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// Run is the report as a run with one check, for JUnit: held where the bug was reproduced.
func (r *Report) Run() report.Run {
	verdict := map[int]check.Verdict{0: check.Held, 1: check.Failed}[r.ExitCode()]
	if verdict == "" {
		verdict = check.Unknown
	}
	for _, c := range r.Columns {
		if c.Outcome == Skipped {
			verdict = check.Skipped
		}
	}
	run := report.Run{Scenario: "repro " + r.ID, Started: r.Started, Duration: r.Took}
	run.Checks = append(run.Checks, check.Result{
		Scenario: r.ID, Name: r.Title, Verdict: verdict, Duration: r.Took,
		Expected: "the broken half fails as described, the fixed one holds", Observed: string(r.Verdict) + ": " + r.Why,
	})
	for _, c := range r.Columns {
		for _, o := range c.Observed {
			run.Checks[0].Notes = append(run.Checks[0].Notes, fmt.Sprintf("%s: %s: %s: %s, want %s", c.Half, o.Name, o.Outcome, o.Seen, o.Want))
		}
	}
	return run
}
