package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
)

// recordFile has the figures of the last recorded commit.
const recordFile = "tools/bench/record.json"

// record is the result of a bench: figures by way. Units are seconds.
type record struct {
	Commit string              `json:"commit"`
	Ways   map[string]*figures `json:"ways"`

	before *record // the last recorded figures
}

// figures are the results of one way; a list has a number for each run.
type figures struct {
	Wall      []float64            `json:"wall"`
	Processor []float64            `json:"processor"`
	Parts     map[string][]float64 `json:"parts"`
	Phases    map[string][]float64 `json:"phases,omitempty"` // end of each phase after the start
}

func newRecord(ctx context.Context) (*record, error) {
	before, err := recorded()
	if err != nil {
		return nil, err
	}
	commit, _ := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	return &record{Commit: strings.TrimSpace(string(commit)), Ways: map[string]*figures{}, before: before}, nil
}

// add adds the measure of a run.
func (r *record) add(name string, m measure) {
	w := r.Ways[name]
	if w == nil {
		w = &figures{Parts: map[string][]float64{}, Phases: map[string][]float64{}}
		r.Ways[name] = w
	}
	w.Wall, w.Processor = append(w.Wall, m.Wall.Seconds()), append(w.Processor, m.total().Seconds())
	for part, d := range m.Parts {
		w.Parts[part] = append(w.Parts[part], d.Seconds())
	}
	for phase, d := range m.Phases {
		w.Phases[phase] = append(w.Phases[phase], d.Seconds())
	}
}

// write replaces the recorded figures.
func (r *record) write() error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(recordFile, append(text, '\n'), 0o644) //nolint:gosec // a file of the repository
}

// recorded reads the recorded figures; nil without a record.
func recorded() (*record, error) {
	text, err := os.ReadFile(recordFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &record{}
	return r, json.Unmarshal(text, r)
}

// print prints the figures, and beside them the recorded figures.
func (r *record) print(w io.Writer, asJSON bool) error {
	if asJSON {
		text, err := json.MarshalIndent(r, "", "  ")
		if err == nil {
			_, err = fmt.Fprintln(w, string(text))
		}
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WAY\tWALL s (spread)\tPROCESSOR s (spread)\tRUNS")
	for _, name := range slices.Sorted(maps.Keys(r.Ways)) {
		x := r.Ways[name]
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\n", name, spread(x.Wall), spread(x.Processor), len(x.Wall))
	}
	fmt.Fprintln(t, "\t\t\nPART\tplain script\tskidpad up")
	plain, ours := cmp.Or(r.Ways["plain script"], &figures{}), r.Ways["skidpad up"]
	parts := slices.SortedFunc(maps.Keys(ours.Parts), func(a, b string) int {
		return cmp.Or(cmp.Compare(median(ours.Parts[b]), median(ours.Parts[a])), cmp.Compare(a, b))
	})
	for _, part := range parts {
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\n", part, median(plain.Parts[part]), median(ours.Parts[part]))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Ways)) {
		ends := r.Ways[name].Phases
		if len(ends) > 0 {
			fmt.Fprintf(t, "\t\t\nPHASE of %s\tended after s\t\n", name)
		}
		for _, phase := range slices.SortedFunc(maps.Keys(ends), func(a, b string) int {
			return cmp.Or(cmp.Compare(median(ends[a]), median(ends[b])), cmp.Compare(a, b))
		}) {
			fmt.Fprintf(t, "%s\t%s\t\n", phase, spread(ends[phase]))
		}
	}
	fmt.Fprintln(t, "\t\t\nRATIO\ttime\tprocessor time")
	for _, x := range []*record{r, r.before} {
		if x == nil {
			continue
		}
		for _, other := range []string{"plain script", "bare kind"} {
			if x.Ways[other] == nil {
				continue
			}
			fmt.Fprintf(t, "skidpad up to %s, commit %s\t%.2f\t%.2f\n", other, x.Commit,
				median(x.Ways["skidpad up"].Wall)/median(x.Ways[other].Wall), median(x.Ways["skidpad up"].Processor)/median(x.Ways[other].Processor))
		}
	}
	return t.Flush()
}

// spread prints the median, the least and the most.
func spread(s []float64) string {
	return fmt.Sprintf("%.1f (%.1f to %.1f)", median(s), slices.Min(s), slices.Max(s))
}

func median(s []float64) float64 {
	if len(s) == 0 {
		return 0
	}
	s = slices.Clone(s)
	slices.Sort(s)
	return s[len(s)/2]
}
