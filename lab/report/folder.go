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

// A run's folder holds all that is known of a run, for reports and for other programs:
//
//	results.json             the run, as JSON writes it
//	plan.json                what was made
//	timeline.jsonl           an event a line, as timeline writes it
//	flows.jsonl              a line for each recording: its file, its check, from where to what
//	flows/01.jsonl.gz        a recording, as the prober writes it
//	captures/CHECK/*.pcapng  the packets of checks that failed
const (
	fileResults  = "results.json"
	filePlan     = "plan.json"
	fileTimeline = "timeline.jsonl"
	fileFlows    = "flows.jsonl"
	dirFlows     = "flows"
	dirCaptures  = "captures"
)

// Flow is a recording and what it was made for.
type Flow struct {
	Check     string // the Result's Name; empty where it belongs to none
	From, To  string // as asked: client, loadBalancer/echo
	Recording *record.Recording
}

// flowLine is a line of flows.jsonl.
type flowLine struct {
	File  string `json:"file"`
	Check string `json:"check,omitempty"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Capture is a file of packets that was kept.
type Capture struct {
	Check string // the folder's name, see CaptureDir
	Path  string // from the run's folder, with slashes
	Size  int64  // bytes
}

// Folder is a run's folder, read.
type Folder struct {
	Dir      string
	Run      Run
	Plan     *plan.Plan // nil where none was kept
	Events   []timeline.Event
	Flows    []Flow
	Captures []Capture
	// Gaps says what of the folder could not be read; what could be is there.
	Gaps []string
}

// DirOf is the folder of a run under root: root/cilium-bgp-vrrp/20261120T100000Z.
func DirOf(root, scenario string, started time.Time) string {
	return filepath.Join(root, slug(scenario), started.UTC().Format("20060102T150405Z"))
}

// CaptureDir is where a check's captures belong in a run's folder.
func CaptureDir(dir, check string) string { return filepath.Join(dir, dirCaptures, slug(check)) }

// slug makes a file's name of a check's: failover-link-fabric-of-r1-down.
func slug(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}

// Recordings are the recordings that a run's checks hold, each once.
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

// Save writes a run's folder, but for its captures, which are in it already if there are any. The plan
// may be nil, and so may flows, which are Recordings then. Files of an earlier run in the same folder
// are written over.
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

// writeRecording writes a recording as the prober does, packed with gzip.
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

// Find returns the folder of the run that dir means: dir itself, or the latest run below it.
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
		return "", fmt.Errorf("report: %s holds no run (no %s in it, nor up to two folders down); make one with `skidpad test`, or name another with --in", dir, fileResults)
	}
	latest := slices.MaxFunc(found, func(a, b string) int {
		return cmp.Compare(filepath.Base(filepath.Dir(a)), filepath.Base(filepath.Dir(b)))
	})
	return filepath.Dir(latest), nil
}

// Open reads a run's folder. Only its results must be there; what else cannot be read is a gap.
func Open(dir string) (*Folder, error) {
	f := &Folder{Dir: dir}
	data, err := os.ReadFile(filepath.Join(dir, fileResults))
	if err != nil {
		return nil, fmt.Errorf("report: %w; wanted is a run's folder, as `skidpad test` writes it", err)
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
		for _, path := range c.Captures { // wherever they are
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
