package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Verdict is a cell with what a run made of it.
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
	Verdicts []*Verdict // by Froms; nil where there is none
}

// Rows arrange verdicts as a grid, in a stable order.
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

// Short is the verdict in one word or two: what was seen, marked where it was not what is wanted.
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

// Text prints the grid: a row for each address of a service, a column for each sender, in each cell the source address that
// the pod saw or how the connection failed. A cell that is not as documented ends in an exclamation mark.
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

// EntryName is what the suite's reports call a cell's verdict.
const EntryName = "matrix-cell"
