package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/labtest/pace"
)

// suitesWithin is the time limit of all suites together on the reference machine, more than three times what they take there.
const suitesWithin = 75 * time.Minute

// goTest runs `go test` with a time limit and waits that fit the machine.
func goTest(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("go", flag.ContinueOnError)
	limit := flags.Duration("limit", 10*time.Minute, "time limit of a package on the reference machine")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s := measure()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", withoutDWARF, "-timeout=" + s.limit(*limit).String()}, flags.Args()...)...)
	cmd.Env = append(os.Environ(), pace.Env(s.stretch()))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// e2e runs suites with Ginkgo: tells how long they take, shows progress, and fits time limits to the machine.
func e2e(ctx context.Context, args []string, w io.Writer) (err error) {
	flags := flag.NewFlagSet("e2e", flag.ContinueOnError)
	labels := flags.String("labels", "", "Ginkgo's label filter")
	reports := flags.String("reports", "reports", "folder of suites.json and suites.xml")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("usage: runs e2e [-labels FILTER] [-reports FOLDER] SUITES…")
	}
	result := filepath.Join(*reports, "suites.json")
	before, _ := readSuites(result) // the first run finds none
	if err := os.Remove(result); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // a run that does not come to its end would be taken for the one before
	}
	s := measure()
	binaries, err := compile(ctx, flags.Args())
	defer func() {
		for _, b := range binaries {
			err = errors.Join(err, os.Remove(b))
		}
	}()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "runs-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	specs, err := planned(ctx, *labels, scratch, binaries)
	if err != nil {
		return err
	}
	p := newProgress(specs, specsOf(before), s.slowness(), time.Now())
	fmt.Fprintf(w, "%d specs, about %s; this machine takes %.2f times as long as the reference (%s)\n", len(specs), minutes(p.left(0)), s.slowness(), s)
	ended := filepath.Join(scratch, "ended.jsonl")
	// Ginkgo gets a terminal's Ctrl-C itself and takes labs down then; a second signal would cut that short.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "go", append([]string{"tool", "ginkgo", "run", "--label-filter=" + *labels, "--randomize-all", "--keep-going",
		"--timeout=" + s.limit(suitesWithin).String(), "--junit-report=suites.xml", "--json-report=suites.json", "--output-dir=" + *reports}, binaries...)...)
	cmd.Env = append(os.Environ(), pace.Env(s.stretch()), pace.FileEnv+"="+ended)
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return err
	}
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	return p.follow(ended, over, w)
}

// withoutDWARF halves the linker's time for a test binary. Stack traces do not need DWARF.
const withoutDWARF = "-ldflags=-s -w"

// compile builds the suites' test binaries, each in its suite's folder, where Ginkgo runs them.
func compile(ctx context.Context, suites []string) ([]string, error) {
	list := exec.CommandContext(ctx, "go", append([]string{"list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}"}, suites...)...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("the suites %s: %w", strings.Join(suites, " "), err)
	}
	dirs := strings.Fields(string(out))
	var binaries []string
	for _, dir := range dirs {
		binaries = append(binaries, filepath.Join(dir, filepath.Base(dir)+".test"))
	}
	build := exec.CommandContext(ctx, "go", append([]string{"tool", "ginkgo", "build", withoutDWARF}, dirs...)...)
	if out, err := build.CombinedOutput(); err != nil {
		return binaries, fmt.Errorf("the suites cannot be built: %w\n%s", err, out)
	}
	return binaries, nil
}

// planned lists the specs that the filter chooses.
func planned(ctx context.Context, labels, scratch string, binaries []string) ([]spec, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"tool", "ginkgo", "run", "--dry-run", "--label-filter=" + labels, "--json-report=planned.json",
		"--output-dir=" + scratch}, binaries...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the specs cannot be listed: %w\n%s", err, out)
	}
	all, err := readSuites(filepath.Join(scratch, "planned.json"))
	if err != nil {
		return nil, err
	}
	return specsOf(all), nil
}
