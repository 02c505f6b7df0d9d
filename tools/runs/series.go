package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// entry is a line of the record: the begin or the end of a run.
type entry struct {
	Series  int       `json:"series"`
	Run     int       `json:"run"`              // from 1
	Commit  string    `json:"commit,omitempty"` // the tested commit; -dirty behind the hash if the tree held changes
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended,omitzero"` // absent in a begin
	Green   bool      `json:"green,omitempty"`
	Passed  int       `json:"passed,omitempty"`
	Failed  []string  `json:"failed,omitempty"` // the specs' texts
	Retried int       `json:"retried,omitempty"`
	Seconds float64   `json:"seconds,omitempty"`
	Error   string    `json:"error,omitempty"`
	Machine *machine  `json:"machine,omitempty"`
	Beside  *beside   `json:"beside,omitempty"`
	Slow    float64   `json:"slow,omitempty"` // the processor quota, as a share of the machine
}

// conditions are what runs of a series are made under.
type conditions struct {
	beside beside
	slow   float64 // 0: no quota
}

// series runs the suites until n runs of this series have ended. The record has the begin and the end of each run, so
// an interrupted series goes on with the missing runs. A run without a recorded end does not count.
func series(ctx context.Context, n int, record string, fresh bool, c conditions, w io.Writer) error {
	past, err := readRecord(record)
	if err != nil {
		return err
	}
	number, ended := position(past, fresh)
	for run := ended + 1; run <= n; run++ {
		e := entry{Series: number, Run: run, Commit: commit(ctx), Began: time.Now().UTC(), Slow: c.slow}
		if c.beside != (beside{}) {
			e.Beside = &c.beside
		}
		if err := appendRecord(record, e); err != nil {
			return err
		}
		suites := filepath.Join(filepath.Dir(record), fmt.Sprintf("series-%d-run-%d", number, run))
		e.under(ctx, suites, c)
		if ctx.Err() != nil {
			return fmt.Errorf("run %d of %d was interrupted; the same command continues the series", run, n)
		}
		if err := appendRecord(record, e); err != nil {
			return err
		}
		past = append(past, e)
		fmt.Fprintln(w, e.line())
	}
	return tell(w, past, number)
}

// position returns the series to go on with, and the number of its ended runs.
func position(past []entry, fresh bool) (number, ended int) {
	for _, e := range past {
		if e.Series > number {
			number, ended = e.Series, 0
		}
		if e.Series == number && !e.Ended.IsZero() {
			ended = e.Run
		}
	}
	if fresh || number == 0 {
		return number + 1, 0
	}
	return number, ended
}

// commit names the tree's content; empty if git fails.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// under runs the suites under conditions, and records how the machine was.
func (e *entry) under(ctx context.Context, reports string, c conditions) {
	e.Machine = begin()
	defer e.Machine.end()
	var q *quota
	if c.slow > 0 {
		var err error
		if q, err = slow(cgroups, c.slow); err != nil {
			e.Error = err.Error()
			return
		}
	}
	stop, err := c.beside.start(os.TempDir())
	if err == nil {
		e.once(ctx, reports, q)
		stop()
	}
	if err = errors.Join(err, q.lift()); err != nil {
		e.Green, e.Error = false, err.Error()
	}
}

// once runs the suites, with their reports in a folder of the run's own.
func (e *entry) once(ctx context.Context, reports string, q *quota) {
	if err := os.MkdirAll(reports, 0o755); err != nil {
		e.Error = err.Error()
		return
	}
	log, err := os.Create(filepath.Join(reports, "output.txt"))
	if err != nil {
		e.Error = err.Error()
		return
	}
	defer log.Close()
	args := q.command("make", "e2e", "REPORTS="+reports)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	// All children of make must end, as after Ctrl-C in a terminal: make alone would leave its children running.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 2 * time.Minute
	failed := cmd.Run()
	e.Ended = time.Now().UTC()
	e.Seconds = e.Ended.Sub(e.Began).Seconds()
	all, err := readSuites(filepath.Join(reports, "suites.json"))
	if err != nil {
		e.Error = err.Error()
		return
	}
	for _, s := range specsOf(all) {
		switch {
		case s.State == "passed":
			e.Passed++
		case s.bad():
			e.Failed = append(e.Failed, s.text())
		}
		e.Retried += max(0, s.NumAttempts-1)
	}
	e.Green = failed == nil && len(e.Failed) == 0 && e.Retried == 0 && e.Passed > 0
	if failed != nil && len(e.Failed) == 0 {
		e.Error = failed.Error()
	}
}

func (e *entry) line() string {
	verdict := "green"
	if !e.Green {
		verdict = "NOT GREEN"
	}
	text := fmt.Sprintf("run %d of %s: %s, %d passed, %d failed, %d retried, %.1f min %s", e.Run, e.Commit, verdict, e.Passed, len(e.Failed), e.Retried, e.Seconds/60, e.Error)
	if e.Machine != nil {
		text += "\n  the machine: " + e.Machine.String()
	}
	for _, f := range e.Failed {
		text += "\n  failed: " + f
	}
	return text
}

// tell sums up a series. A run that is not green is an error.
func tell(w io.Writer, past []entry, number int) error {
	green, ended := 0, 0
	for _, e := range past {
		if e.Series != number || e.Ended.IsZero() {
			continue
		}
		ended++
		if e.Green {
			green++
		}
	}
	fmt.Fprintf(w, "series %d: %d of %d runs green\n", number, green, ended)
	if green < ended {
		return errors.New("not every run was green; see the record and the runs' folders beside the record")
	}
	return nil
}

func readRecord(path string) ([]entry, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []entry
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // a line cut by an interruption
		}
		all = append(all, e)
	}
	return all, lines.Err()
}

func appendRecord(path string, e entry) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	text, err := json.Marshal(e)
	if err == nil {
		_, err = f.Write(append(text, '\n'))
	}
	return errors.Join(err, f.Close())
}
