package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Verdict is a cell with its result in a run.
type Verdict struct {
	Cell
	Wanted string `json:"wanted"`
	Seen   string `json:"seen"`
	Held   bool   `json:"held"`
}

// NewVerdict is a cell's verdict.
func NewVerdict(c Cell, seen string, held bool) Verdict {
	return Verdict{Cell: c, Wanted: c.Expected().String(), Seen: seen, Held: held}
}

// Row is a line of the grid: an address of a service, by a transport, with a verdict for each sender.
type Row struct {
	Title    string
	Verdicts []*Verdict // by Froms; nil without a verdict
}

// Rows arranges verdicts as a grid, in a stable order.
func Rows(all []Verdict) []Row {
	byTitle := map[string]*Row{}
	for i, v := range all {
		title := fmt.Sprintf("%-12s %-10s %s %s, %s", v.To, v.Entry, v.transport(), v.Family, v.Service())
		row, ok := byTitle[title]
		if !ok {
			row = &Row{Title: title, Verdicts: make([]*Verdict, len(Froms()))}
			byTitle[title] = row
		}
		if at := slices.Index(Froms(), v.From); at >= 0 {
			row.Verdicts[at] = &all[i]
		}
	}
	var rows []Row
	for _, r := range byTitle {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Title, b.Title) })
	return rows
}

// Short is the verdict in a word or two: the observation, marked if wrong.
func (v *Verdict) Short() string {
	if v == nil {
		return ""
	}
	short := v.Seen
	if strings.Contains(short, "node ") {
		short = "node's"
		if strings.Contains(v.Seen, "own") {
			short = "own+node's"
		}
	}
	if !v.Held {
		short += " !"
	}
	return short
}

// Text prints the grid: a row for each address of a service, a column for each sender. A cell shows the source address
// seen by the pod, or the failure of the connection. A cell that differs from the documentation ends in an exclamation
// mark.
func Text(w io.Writer, all []Verdict) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := []string{"ADDRESS, SERVICE"}
	for _, f := range Froms() {
		head = append(head, strings.ToUpper(string(f)))
	}
	_, _ = fmt.Fprintln(t, strings.Join(head, "\t"))
	for _, row := range Rows(all) {
		cells := []string{row.Title}
		for _, v := range row.Verdicts {
			cells = append(cells, v.Short())
		}
		_, _ = fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// EntryName is the name of a cell's verdict in the suite's reports.
const EntryName = "matrix-cell"
