package fleet

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/report"
)

// The files of a task's folder.
const (
	resultFile = "result.json"
	outputFile = "output.txt" // standard output
	suiteFile  = "suite.json" // Ginkgo's report
)

// Results returns the collected results of a run, by task.
func Results(dir string) (map[string]Result, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", resultFile))
	all := map[string]Result{}
	for _, f := range files {
		r, readErr := readResult(filepath.Dir(f))
		if readErr != nil {
			return nil, readErr
		}
		all[r.Task.Name] = r
	}
	return all, err
}

func readResult(dir string) (Result, error) {
	var r Result
	data, err := os.ReadFile(filepath.Join(dir, resultFile))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s: %w", filepath.Join(dir, resultFile), err)
	}
	return r, nil
}

// Recorded returns the last duration of each task in the runs below a folder, in seconds.
func Recorded(root string) (map[string]int64, error) {
	dirs, err := filepath.Glob(filepath.Join(root, "*"))
	last := map[string]Result{}
	for _, d := range dirs {
		found, readErr := Results(d)
		if readErr != nil {
			return nil, readErr
		}
		for name, r := range found {
			if r.Final() && r.Started.After(last[name].Started) {
				last[name] = r
			}
		}
	}
	took := map[string]int64{}
	for name, r := range last {
		took[name] = max(1, int64(r.Took.Round(time.Second)/time.Second))
	}
	return took, err
}

// Summary is the merged report of a run.
type Summary struct {
	Name    string       `json:"name"`
	Code    int          `json:"code"` // the exit code of all tasks together
	Pods    []PodSummary `json:"pods"`
	Lost    []Attempt    `json:"lost"`    // pods that ended without all results, in this call
	Missing []string     `json:"missing"` // tasks without a result
	Tasks   []TaskLine   `json:"tasks"`
}

// PodSummary is a shard's pod and the noise on its node while its tasks ran.
type PodSummary struct {
	Shard int           `json:"shard"`
	Pod   string        `json:"pod"`
	Node  string        `json:"node"`
	Tasks int           `json:"tasks"`
	Took  time.Duration `json:"took"` // of the tasks, in nanoseconds
	Noise Noise         `json:"noise"`
}

// TaskLine is a task with its result and its checks, after Doubt.
type TaskLine struct {
	Result
	Loud string     `json:"loud,omitempty"` // what made the node too noisy for bounds
	Run  report.Run `json:"run"`
	Dir  string     `json:"dir"` // of the evidence
}

// Merge reads the results of a run's tasks.
func Merge(name, dir string, tasks []Task, lost []Attempt) (*Summary, error) {
	results, err := Results(dir)
	if err != nil {
		return nil, err
	}
	s := &Summary{Name: name, Lost: lost, Missing: []string{}}
	for _, t := range tasks {
		r, ok := results[t.Name]
		if !ok {
			s.Missing = append(s.Missing, t.Name)
			continue
		}
		line := TaskLine{Result: r, Loud: r.Noise.Loud(), Dir: t.Name, Run: runOf(filepath.Join(dir, t.Name), r)}
		for i, c := range line.Run.Checks {
			line.Run.Checks[i] = Doubt(c, r.Noise)
		}
		if line.Code == Failed && report.ExitCode([]report.Run{line.Run}) == Unknown {
			line.Code = Unknown
		}
		line.Run.Notes = append(line.Run.Notes, fmt.Sprintf("shard %d on node %s, pod %s: %s", r.Shard, r.Node, r.Pod, r.Noise))
		s.Tasks = append(s.Tasks, line)
		s.add(r)
	}
	s.Code = s.worst()
	return s, nil
}

// add counts a result for its pod. The noise of a pod is the mean over the time of its tasks.
func (s *Summary) add(r Result) {
	at := slices.IndexFunc(s.Pods, func(p PodSummary) bool { return p.Pod == r.Pod })
	if at < 0 {
		at = len(s.Pods)
		s.Pods = append(s.Pods, PodSummary{Shard: r.Shard, Pod: r.Pod, Node: r.Node})
	}
	p := &s.Pods[at]
	mean := func(old *float64, v float64) {
		if all := (p.Took + r.Took).Seconds(); all > 0 {
			*old = (*old*p.Took.Seconds() + v*r.Took.Seconds()) / all
		}
	}
	mean(&p.Noise.Others, r.Noise.Others)
	mean(&p.Noise.Steal, r.Noise.Steal)
	mean(&p.Noise.Waited, r.Noise.Waited)
	mean(&p.Noise.Throttled, r.Noise.Throttled)
	p.Took += r.Took
	p.Tasks++
}

// worst returns the exit code for all: a failed check counts most.
func (s *Summary) worst() int {
	seen := map[int]bool{}
	for _, t := range s.Tasks {
		seen[t.Code] = true
	}
	switch {
	case seen[Failed]:
		return Failed
	case seen[Misused]:
		return Misused
	case seen[NoLab] || len(s.Missing) > 0:
		return NoLab
	case seen[Unknown]:
		return Unknown
	}
	return Held
}

// runOf returns the checks of a task from its folder. Without checks, the task has one result: its exit code.
func runOf(dir string, r Result) report.Run {
	run := report.Run{Scenario: r.Task.Name, Started: r.Started, Duration: r.Took}
	switch r.Task.Kind {
	case KindScenario:
		if found, err := report.Find(dir); err == nil {
			if f, err := report.Open(found); err == nil {
				run.Checks, run.Notes, run.Skipped = f.Run.Checks, f.Run.Notes, f.Run.Skipped
			}
		}
		if len(run.Checks) == 0 {
			var told report.Run // a skipped scenario has no folder
			if readJSON(filepath.Join(dir, outputFile), &told) == nil {
				run.Checks, run.Skipped = told.Checks, told.Skipped
			}
		}
	case KindBug:
		var told struct{ Title, Verdict, Why string }
		if readJSON(filepath.Join(dir, outputFile), &told) == nil {
			run.Checks = []check.Result{{Scenario: run.Scenario, Name: told.Title, Verdict: verdictOf(r.Code), Expected: "reproduced", Observed: told.Verdict + ": " + told.Why, Duration: r.Took}}
		}
	default:
		run.Checks = specsOf(filepath.Join(dir, suiteFile))
	}
	if len(run.Checks) == 0 && run.Skipped == "" {
		run.Checks = []check.Result{{Scenario: run.Scenario, Name: r.Task.Name, Verdict: verdictOf(r.Code), Expected: "exit code 0", Observed: fmt.Sprintf("exit code %d", r.Code), Duration: r.Took}}
	}
	return run
}

func verdictOf(code int) check.Verdict {
	switch code {
	case Held:
		return check.Held
	case Failed:
		return check.Failed
	}
	return check.Unknown
}

// specsOf reads the specs of a suite that ran or failed.
func specsOf(file string) []check.Result {
	var suites []struct {
		SpecReports []struct {
			ContainerHierarchyTexts []string
			LeafNodeType            string
			LeafNodeText            string
			State                   string
			RunTime                 time.Duration
			Failure                 struct{ Message string }
		}
	}
	if readJSON(file, &suites) != nil {
		return nil
	}
	var all []check.Result
	for _, su := range suites {
		for _, sp := range su.SpecReports {
			c := check.Result{Name: strings.TrimSpace(strings.Join(append(sp.ContainerHierarchyTexts, sp.LeafNodeText), " ")), Expected: "the spec passes", Observed: sp.State, Duration: sp.RunTime}
			switch sp.State {
			case "passed":
				c.Verdict = check.Held
			case "skipped", "pending":
				c.Verdict, c.Observed = check.Skipped, sp.Failure.Message
				if sp.Failure.Message == "" {
					continue // of another file
				}
			default:
				c.Verdict, c.Observed = check.Failed, sp.State+": "+sp.Failure.Message
				if strings.Contains(sp.Failure.Message, probe.ProvesNothing) {
					c.Verdict = check.Unknown
				}
			}
			if sp.LeafNodeType == "It" || c.Verdict == check.Failed || c.Verdict == check.Unknown {
				all = append(all, c)
			}
		}
	}
	return all
}

func readJSON(file string, v any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// Text writes the summary for people.
func (s *Summary) Text(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(table, strings.Join(cells, "\t")) } // Flush has the error
	row("SHARD", "NODE", "POD", "TASKS", "TIME", "OTHERS", "STEAL", "WAITED", "THROTTLED")
	for _, p := range s.Pods {
		row(fmt.Sprint(p.Shard), p.Node, p.Pod, fmt.Sprint(p.Tasks), p.Took.Round(time.Second).String(), percent(p.Noise.Others), percent(p.Noise.Steal), percent(p.Noise.Waited), percent(p.Noise.Throttled))
	}
	row()
	row("VERDICT", "TASK", "TIME", "SHARD", "NODE")
	for _, t := range s.Tasks {
		row(t.Verdict(), t.Task.Name, t.Took.Round(time.Second).String(), fmt.Sprint(t.Shard), t.Node)
	}
	for _, m := range s.Missing {
		row("no result", m)
	}
	for _, l := range s.Lost {
		row("lost pod", l.Pod, "", fmt.Sprint(l.Shard), l.Node, l.Why)
	}
	return table.Flush()
}

// Verdict is the exit code in words.
func (t TaskLine) Verdict() string {
	switch {
	case t.Run.Skipped != "":
		return "skipped"
	case t.Code == NoLab:
		return "no lab"
	case t.Code == Misused:
		return "misused"
	}
	return string(verdictOf(t.Code))
}

//go:embed report.html.tmpl
var pageText string

// Save writes report.json, junit.xml and report.html into the run's folder.
func (s *Summary) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	page, err := template.New("fleet").Funcs(template.FuncMap{"percent": percent, "seconds": func(d time.Duration) string { return d.Round(time.Second).String() }, "page": func(task string) string { return pageOf(dir, task) }}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("lab bug: the fleet's page: %w", err)
	}
	var runs []report.Run
	for _, t := range s.Tasks {
		runs = append(runs, t.Run)
	}
	for _, m := range s.Missing {
		runs = append(runs, report.Run{Scenario: m, Checks: []check.Result{{Name: m, Verdict: check.Unknown, Expected: "a result", Observed: "the shard ended without a result"}}})
	}
	write := func(name string, f func(io.Writer) error) error {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		return errors.Join(f(file), file.Close())
	}
	return errors.Join(
		write("report.json", func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			return enc.Encode(s)
		}),
		write("junit.xml", func(w io.Writer) error { return report.JUnit(w, runs) }),
		write("report.html", func(w io.Writer) error { return page.Execute(w, s) }),
	)
}

// pageOf makes the page of a scenario's run, with its timeline, and returns its path below dir; else the folder.
func pageOf(dir, task string) string {
	at := filepath.Join(dir, task)
	if page, err := filepath.Glob(filepath.Join(at, "*", "*", "report.html")); err == nil && len(page) > 0 {
		return rel(dir, page[0])
	}
	found, err := report.Find(at)
	if err != nil {
		return task
	}
	f, err := report.Open(found)
	if err != nil {
		return task
	}
	file, err := os.Create(filepath.Join(found, "report.html"))
	if err != nil {
		return task
	}
	err = report.HTML(file, []*report.Folder{f}, func(_ *report.Folder, c report.Capture) string { return c.Path })
	if errors.Join(err, file.Close()) != nil {
		return task
	}
	return rel(dir, file.Name())
}

func rel(dir, path string) string {
	r, err := filepath.Rel(dir, path)
	if err != nil || !fs.ValidPath(filepath.ToSlash(r)) {
		return "."
	}
	return filepath.ToSlash(r)
}
