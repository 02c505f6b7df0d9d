package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// quotaPeriod is the period of a processor quota in microseconds, the kernel's default (cgroup v2, cpu.max).
const quotaPeriod = 100_000

// quota is a processor quota on the suites with all that they start, and on the engine's containers. Each of the two groups
// gets the share of all processors.
type quota struct {
	own string            // the group that is made for the suites
	was map[string]string // cpu.max of other groups before, by file
}

// slow sets a quota in the hierarchy at root (/sys/fs/cgroup). An error says why a quota cannot be set here; nothing has changed
// then.
func slow(root string, share float64) (q *quota, err error) {
	have, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return nil, fmt.Errorf("%s is no cgroup v2 hierarchy: %w", root, err)
	}
	if !slices.Contains(strings.Fields(string(have)), "cpu") {
		return nil, fmt.Errorf("%s has no controller cpu, only %q", root, strings.TrimSpace(string(have)))
	}
	engine := filepath.Join(root, "docker", "cpu.max")
	before, err := os.ReadFile(engine)
	if err != nil {
		return nil, fmt.Errorf("the engine has no group of its own for containers (its cgroup driver is not cgroupfs): %w", err)
	}
	q = &quota{own: filepath.Join(root, "skidpad-runs"), was: map[string]string{}}
	if err := os.Mkdir(q.own, 0o755); err != nil {
		return nil, fmt.Errorf("a group for the suites: %w", err)
	}
	limit := fmt.Sprintf("%d %d", int(share*quotaPeriod*float64(runtime.NumCPU())), quotaPeriod)
	err = os.WriteFile(filepath.Join(q.own, "cpu.max"), []byte(limit), 0o644)
	if err == nil {
		q.was[engine] = strings.TrimSpace(string(before))
		err = os.WriteFile(engine, []byte(limit), 0o644)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a quota of %s: %w", limit, err), q.lift())
	}
	return q, nil
}

// lift puts back what slow changed.
func (q *quota) lift() error {
	if q == nil {
		return nil
	}
	var errs []error
	for file, before := range q.was {
		errs = append(errs, os.WriteFile(file, []byte(before), 0o644))
	}
	return errors.Join(append(errs, os.Remove(q.own))...)
}

// command is a command in the group of the suites.
func (q *quota) command(args ...string) []string {
	if q == nil {
		return args
	}
	return append([]string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(q.own, "cgroup.procs")}, args...)
}
