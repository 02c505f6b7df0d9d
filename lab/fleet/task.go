// Package fleet runs scenarios, bugs and suites on the nodes of a Kubernetes that runs already: as the shards of one Indexed
// Job, each with an engine of its own. The Job's controller places, repeats and ends the shards.
package fleet

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// The kinds of a task.
const (
	KindScenario = "scenario"
	KindBug      = "repro"
	KindSuite    = "suite"
)

// Task is the smallest part of a run: a scenario, a bug, or a file of a suite.
type Task struct {
	Name   string `json:"name"` // scenario-frr-bfd, repro-frr-16658, suite-bgp-bfd: also a folder's name
	Kind   string `json:"kind"`
	Arg    string `json:"arg"`              // the scenario, the bug's ID, or the suite's folder in the project
	File   string `json:"file,omitempty"`   // the suite's file
	Filter string `json:"filter,omitempty"` // the label filter of a suite's specs
	Took   int64  `json:"took,omitempty"`   // the recorded duration, in seconds; 0 without a record
}

// usual is the duration of a task without any record.
const usual = 60

// Balance divides tasks into at most n shards of about the same duration: the longest task first, each to the shard with the
// least. A task without a record counts as the median of all records. The result is the same for the same tasks.
func Balance(tasks []Task, n int) [][]Task {
	var known []int64
	for _, t := range tasks {
		if t.Took > 0 {
			known = append(known, t.Took)
		}
	}
	median := int64(usual)
	if len(known) > 0 {
		slices.Sort(known)
		median = known[len(known)/2]
	}
	lasts := func(t Task) int64 { return cmp.Or(t.Took, median) }
	sorted := slices.SortedFunc(slices.Values(tasks), func(a, b Task) int {
		return cmp.Or(cmp.Compare(lasts(b), lasts(a)), cmp.Compare(a.Name, b.Name))
	})
	shards, sums := make([][]Task, min(n, len(tasks))), make([]int64, min(n, len(tasks)))
	for _, t := range sorted {
		least := slices.Index(sums, slices.Min(sums))
		shards[least] = append(shards[least], t)
		sums[least] += lasts(t)
	}
	return shards
}

// The exit codes of commands and shards.
const (
	Held    = 0
	Failed  = 1 // a check failed: never repeated
	Misused = 2 // the scenario is wrong: ends the whole job
	NoLab   = 3 // the lab could not be made: repeated
	Unknown = 4 // not repeated
)

// Worst returns the exit code of tasks together. A lab that could not be made counts most within a shard, because only that
// shard is worth a repetition; a repeated shard leaves out finished tasks.
func Worst(codes map[string]int) int {
	for _, code := range []int{Misused, NoLab, Failed, Unknown} {
		if slices.Contains(slices.Collect(maps.Values(codes)), code) {
			return code
		}
	}
	return Held
}

// Result is the outcome of a task, in the file result.json of the task's folder.
type Result struct {
	Task    Task          `json:"task"`
	Code    int           `json:"code"`
	Shard   int           `json:"shard"`
	Node    string        `json:"node"`
	Pod     string        `json:"pod"`
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took"` // nanoseconds
	Noise   Noise         `json:"noise"`
}

// Final reports whether a task need not run again.
func (r Result) Final() bool { return r.Code != NoLab && r.Code != Misused }
