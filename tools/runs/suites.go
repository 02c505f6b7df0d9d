package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/matrix"
)

// suite and spec are the used fields of Ginkgo's JSON report.
type suite struct {
	SuiteDescription string
	SuiteSucceeded   bool
	RunTime          time.Duration
	SpecReports      []spec
}

type spec struct {
	ContainerHierarchyTexts  []string
	ContainerHierarchyLabels [][]string
	LeafNodeType             string
	LeafNodeText             string
	LeafNodeLabels           []string
	State                    string
	RunTime                  time.Duration
	NumAttempts              int
	Failure                  struct{ Message string }
	ReportEntries            []struct {
		Name  string
		Value struct{ AsJSON, Representation string }
	}
	suite string
}

// control is the label of negative controls.
const control = "negative-control"

func (s spec) text() string {
	return strings.TrimSpace(strings.Join(append(slices.Clone(s.ContainerHierarchyTexts), s.LeafNodeText), " "))
}

// bad reports whether a spec, or a node around specs, failed in any way.
func (s spec) bad() bool {
	return !slices.Contains([]string{"passed", "skipped", "pending", ""}, s.State)
}

func (s spec) labelled(label string) bool {
	return slices.Contains(slices.Concat(append(slices.Clone(s.ContainerHierarchyLabels), s.LeafNodeLabels)...), label)
}

// entries returns the values of a spec's report entries of a name, as JSON.
func (s spec) entries(name string) []string {
	var all []string
	for _, e := range s.ReportEntries {
		if e.Name == name {
			all = append(all, e.Value.AsJSON)
		}
	}
	return all
}

func readSuites(path string) ([]suite, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []suite
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: not Ginkgo's JSON report: %w", path, err)
	}
	return all, nil
}

// specsOf returns the specs that ran, of all suites, and the failed nodes around specs.
func specsOf(all []suite) []spec {
	var list []spec
	for _, su := range all {
		for _, s := range su.SpecReports {
			s.suite = su.SuiteDescription
			if (s.LeafNodeType == "It" && s.State != "skipped" && s.State != "pending") || s.bad() {
				list = append(list, s)
			}
		}
	}
	return list
}

// summary is the content of a run's report.
type summary struct {
	Suites   []suiteLine
	Specs    int
	Failed   []spec
	Skipped  []spec // specs skipped by themselves, with a reason
	Controls []spec
	Slowest  []spec
	Matrix   []matrix.Verdict
	Measured []measured
	Took     time.Duration
	Labs     []raised
	LabTime  time.Duration // bring-up of labs, a part of Took
	BaseTime time.Duration // return of labs to their base state, a part of Took
}

// measured is a failover's bound beside its outage.
type measured struct {
	What, Expected, Observed string
	Spec                     spec `json:"-"`
}

// raised is the time of a lab's bring-up.
type raised struct {
	Lab     string
	Seconds float64
}

type suiteLine struct {
	Name         string
	Specs, Wrong int
	Took         time.Duration
}

// slowest limits the slowest specs in the report.
const slowest = 10

func summarise(all []suite) summary {
	var m summary
	specs := specsOf(all)
	for _, su := range all {
		line := suiteLine{Name: su.SuiteDescription, Took: su.RunTime}
		m.Took += su.RunTime
		for _, s := range specs {
			if s.suite != su.SuiteDescription {
				continue
			}
			if s.LeafNodeType == "It" {
				line.Specs++
			}
			if s.bad() {
				line.Wrong++
			}
		}
		for _, s := range su.SpecReports {
			if s.suite = su.SuiteDescription; s.State == "skipped" && s.Failure.Message != "" {
				m.Skipped = append(m.Skipped, s)
			}
		}
		m.Suites = append(m.Suites, line)
		m.Specs += line.Specs
	}
	for _, s := range specs {
		m.add(s)
	}
	m.Slowest = slices.Clone(specs)
	slices.SortFunc(m.Slowest, func(a, b spec) int { return int(b.RunTime - a.RunTime) })
	m.Slowest = m.Slowest[:min(slowest, len(m.Slowest))]
	return m
}

func (m *summary) add(s spec) {
	if s.bad() {
		m.Failed = append(m.Failed, s)
	}
	if s.labelled(control) {
		m.Controls = append(m.Controls, s)
	}
	m.Matrix = append(m.Matrix, read[matrix.Verdict](s, matrix.EntryName)...)
	for _, seen := range read[measured](s, "measured") {
		seen.Spec = s
		m.Measured = append(m.Measured, seen)
	}
	for _, up := range read[raised](s, "lab up") {
		m.Labs = append(m.Labs, up)
		m.LabTime += seconds(up.Seconds)
	}
	for _, back := range read[float64](s, "base state") {
		m.BaseTime += seconds(back)
	}
}

// read returns a spec's report entries of a name. An entry with other content is left out.
func read[T any](s spec, name string) []T {
	var all []T
	for _, text := range s.entries(name) {
		var t T
		if json.Unmarshal([]byte(text), &t) == nil {
			all = append(all, t)
		}
	}
	return all
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// folder returns the path of a failed spec's evidence, relative to the report's folder.
func (s spec) folder(from string) string {
	for _, text := range s.entries("folder") {
		var dir string
		if json.Unmarshal([]byte(text), &dir) == nil {
			if rel, err := filepath.Rel(from, dir); err == nil {
				return rel
			}
			return dir
		}
	}
	return ""
}
