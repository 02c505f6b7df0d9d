package report

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

// A run's folder has everything about a run, for reports and for other programs:
//
//	results.json             the run, in the form of JSON
//	plan.json                the lab's plan
//	timeline.jsonl           an event a line, in timeline's form
//	flows.jsonl              a line for each recording: its file, its check, sender and target
//	flows/01.jsonl.gz        a recording, in the prober's form
//	captures/CHECK/*.pcapng  the packets of failed checks
const (
	fileResults  = "results.json"
	filePlan     = "plan.json"
	fileTimeline = "timeline.jsonl"
	fileFlows    = "flows.jsonl"
	dirFlows     = "flows"
	dirCaptures  = "captures"
)

// Flow is a recording and its purpose.
type Flow struct {
	Check     string // the Result's Name; empty for a flow without a check
	From, To  string // as requested: client, loadBalancer/echo
	Recording *record.Recording
}

// flowLine is a line of flows.jsonl.
type flowLine struct {
	File  string `json:"file"`
	Check string `json:"check,omitempty"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Capture is a file of packets.
type Capture struct {
	Check string // the folder's name, see CaptureDir
	Path  string // from the run's folder, with slashes
	Size  int64  // bytes
}

// Folder is a run's folder, read.
type Folder struct {
	Dir      string
	Run      Run
	Plan     *plan.Plan // nil without a stored plan
	Events   []timeline.Event
	Flows    []Flow
	Captures []Capture
	// Gaps lists the unreadable parts of the folder; the other parts are present.
	Gaps []string
}

// DirOf returns the folder of a run under root: root/cilium-bgp-vrrp/20261120T100000Z.
func DirOf(root, scenario string, started time.Time) string {
	return filepath.Join(root, slug(scenario), started.UTC().Format("20060102T150405Z"))
}

// CaptureDir is the folder of a check's captures in a run's folder.
func CaptureDir(dir, check string) string { return filepath.Join(dir, dirCaptures, slug(check)) }

// slug makes a file name from a check's name: failover-link-fabric-of-r1-down.
func slug(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}

// Recordings returns the recordings of a run's checks, each once.
func Recordings(r Run) []Flow {
	var all []Flow
	seen := map[*record.Recording]bool{}
	for _, c := range r.Checks {
		for _, row := range c.Flows {
			if row.Recording != nil && !seen[row.Recording] {
				seen[row.Recording] = true
				all = append(all, Flow{Check: c.Name, From: row.From, To: row.To, Recording: row.Recording})
			}
		}
	}
	return all
}

// Save writes a run's folder, except for captures already in the folder. The plan may be nil. If flows is nil, Save
// writes Recordings(r). Save overwrites files of an earlier run in the same folder.
func Save(dir string, r Run, p *plan.Plan, events []timeline.Event, flows []Flow) error {
	if flows == nil {
		flows = Recordings(r)
	}
	if err := os.MkdirAll(filepath.Join(dir, dirFlows), 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	err := save(filepath.Join(dir, fileResults), func(w io.Writer) error { return JSON(w, []Run{r}) })
	if p != nil {
		err = errors.Join(err, save(filepath.Join(dir, filePlan), func(w io.Writer) error { return json.NewEncoder(w).Encode(p) }))
	}
	err = errors.Join(err, save(filepath.Join(dir, fileTimeline), timeline.Of(events...).WriteJSONL))
	var lines []flowLine
	for i, f := range flows {
		if f.Recording == nil {
			continue
		}
		line := flowLine{File: fmt.Sprintf("%s/%02d.jsonl.gz", dirFlows, i+1), Check: f.Check, From: f.From, To: f.To}
		lines = append(lines, line)
		err = errors.Join(err, save(filepath.Join(dir, filepath.FromSlash(line.File)), func(w io.Writer) error { return writeRecording(w, f.Recording) }))
	}
	return errors.Join(err, save(filepath.Join(dir, fileFlows), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		for _, l := range lines {
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
		return nil
	}))
}

func save(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	buffered := bufio.NewWriter(f)
	if err := errors.Join(write(buffered), buffered.Flush(), f.Close()); err != nil {
		return fmt.Errorf("report: writing %s: %w", path, err)
	}
	return nil
}

// writeRecording writes a recording in the prober's form, packed with gzip.
func writeRecording(w io.Writer, rec *record.Recording) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(z)
	err = enc.Encode(record.Line{Start: &rec.Start})
	for i := range rec.Attempts {
		err = errors.Join(err, enc.Encode(record.Line{Attempt: &rec.Attempts[i]}))
	}
	if rec.End != nil {
		err = errors.Join(err, enc.Encode(record.Line{End: rec.End}))
	}
	return errors.Join(err, z.Close())
}

// Find returns the folder of the run in dir: dir itself, or the latest run below dir.
func Find(dir string) (string, error) {
	var found []string
	for _, pattern := range []string{"", "*", "*/*"} {
		matches, err := filepath.Glob(filepath.Join(dir, pattern, fileResults))
		if err != nil {
			return "", fmt.Errorf("report: looking for runs in %s: %w", dir, err)
		}
		if found = append(found, matches...); pattern == "" && len(found) > 0 {
			return dir, nil
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("report: %s holds no run (no %s in the folder or up to two folders down); make a run with `skidpad test`, or give another folder", dir, fileResults)
	}
	latest := slices.MaxFunc(found, func(a, b string) int {
		return cmp.Compare(filepath.Base(filepath.Dir(a)), filepath.Base(filepath.Dir(b)))
	})
	return filepath.Dir(latest), nil
}

// Open reads a run's folder. Only the results are required; any other unreadable file is a gap.
func Open(dir string) (*Folder, error) {
	f := &Folder{Dir: dir}
	data, err := os.ReadFile(filepath.Join(dir, fileResults))
	if err != nil {
		return nil, fmt.Errorf("report: %w; want a run's folder, written by `skidpad test`", err)
	}
	if err := json.Unmarshal(data, &f.Run); err != nil {
		return nil, fmt.Errorf("report: %s: %w", filepath.Join(dir, fileResults), err)
	}
	f.gap(f.readPlan())
	f.gap(f.readTimeline())
	f.gap(f.readFlows())
	f.gap(f.findCaptures())
	return f, nil
}

func (f *Folder) gap(err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.Gaps = append(f.Gaps, err.Error())
	}
}

func (f *Folder) readPlan() error {
	data, err := os.ReadFile(filepath.Join(f.Dir, filePlan))
	if err != nil {
		return err
	}
	var p plan.Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("%s: %w", filePlan, err)
	}
	f.Plan = &p
	return nil
}

func (f *Folder) readTimeline() error {
	data, err := os.ReadFile(filepath.Join(f.Dir, fileTimeline))
	if err != nil {
		return err
	}
	t, err := timeline.ReadJSONL(bytes.NewReader(data))
	if t != nil {
		f.Events = t.Events()
	}
	return err
}

func (f *Folder) readFlows() error {
	data, err := os.ReadFile(filepath.Join(f.Dir, fileFlows))
	if err != nil {
		return err
	}
	for line := range bytes.Lines(data) {
		var l flowLine
		if err := json.Unmarshal(line, &l); err != nil {
			return fmt.Errorf("%s: %w", fileFlows, err)
		}
		if !filepath.IsLocal(l.File) {
			return fmt.Errorf("%s: %q is not in the folder", fileFlows, l.File)
		}
		rec, err := readRecording(filepath.Join(f.Dir, filepath.FromSlash(l.File)))
		if err != nil {
			f.Gaps = append(f.Gaps, fmt.Sprintf("%s: %v", l.File, err))
			continue
		}
		f.Flows = append(f.Flows, Flow{Check: l.Check, From: l.From, To: l.To, Recording: rec})
	}
	return nil
}

func readRecording(path string) (*record.Recording, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	z, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return nil, err
	}
	return record.Read(z)
}

func (f *Folder) findCaptures() error {
	files, err := filepath.Glob(filepath.Join(f.Dir, dirCaptures, "*", "*.pcapng"))
	of := map[string]string{} // the check, by path
	for _, path := range files {
		of[path] = filepath.Base(filepath.Dir(path))
	}
	for _, c := range f.Run.Checks {
		for _, path := range c.Captures { // paths may be outside of the folder
			of[filepath.Clean(path)] = slug(c.Name)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(of)) {
		info, statErr := os.Stat(path)
		rel, relErr := filepath.Rel(f.Dir, path)
		if statErr != nil || relErr != nil {
			f.gap(fmt.Errorf("capture %s is not there any more", path))
			continue
		}
		f.Captures = append(f.Captures, Capture{Check: of[path], Path: filepath.ToSlash(rel), Size: info.Size()})
	}
	return err
}
