package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/matrix"
	"skidpad.dev/skidpad/lab/plain"
)

//go:embed suites.html.tmpl
var pageText string

// report describes a run: in short to w, and whole beside the file, as text and as a page with links to the evidence of
// failed specs. Only the whole report has the grid and the controls: a terminal or a CI log keeps the last lines, so
// the last lines must show the failures.
func report(file string, w io.Writer) error {
	all, err := readSuites(file)
	if err != nil {
		return err
	}
	m := summarise(all)
	if m.Specs == 0 {
		return fmt.Errorf("%s: no spec ran; list the labels with `go tool ginkgo labels ./suites/...`", file)
	}
	base := strings.TrimSuffix(file, filepath.Ext(file))
	whole := m.lists() + m.short()
	if err := os.WriteFile(base+".txt", []byte(whole), 0o644); err != nil {
		return err
	}
	if err := m.html(base + ".html"); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\nThe matrix as a grid, each failover's outage beside its bound, and the negative controls by name: %s.txt, %s.html\n", m.short(), base, base)
	return nil
}

// lists returns the long parts: the grid, the outages of failovers, and the negative controls by name.
func (m summary) lists() string {
	var b strings.Builder
	if len(m.Matrix) > 0 {
		fmt.Fprintf(&b, "The matrix: the client address seen by the pod, or the failure of the connection; ! differs from the documentation\n")
		_ = matrix.Text(&b, m.Matrix) // a strings.Builder accepts all writes
	}
	fmt.Fprintf(&b, "\nOutages of failovers, and their bounds (%d):\n", len(m.Measured))
	for _, seen := range m.Measured {
		fmt.Fprintf(&b, "  %s  %s: %s\n    %s\n    may:  %s\n    cost: %s\n", seen.Spec.State, seen.Spec.suite, seen.Spec.text(), seen.What, seen.Expected, seen.Observed)
	}
	fmt.Fprintf(&b, "\nNegative controls (%d):\n", len(m.Controls))
	for _, s := range m.Controls {
		fmt.Fprintf(&b, "  %s  %s: %s\n", s.State, s.suite, s.text())
	}
	return b.String()
}

// short returns the essence of a run; failures come last.
func (m summary) short() string {
	var b strings.Builder
	for _, s := range m.Skipped {
		fmt.Fprintf(&b, "\nskipped: %s: %s: %s\n", s.suite, s.text(), s.Failure.Message)
	}
	fmt.Fprintf(&b, "\nThe slowest specs:\n")
	for _, s := range m.Slowest {
		fmt.Fprintf(&b, "  %6.1fs  %s: %s\n", s.RunTime.Seconds(), s.suite, s.text())
	}
	fmt.Fprintf(&b, "\nWhere the time went:\n")
	for _, s := range m.Suites {
		fmt.Fprintf(&b, "  %6.1fs  %s, %d specs\n", s.Took.Seconds(), s.Name, s.Specs)
	}
	for _, up := range m.Labs {
		fmt.Fprintf(&b, "  %6.1fs  bring-up of lab %s\n", up.Seconds, up.Lab)
	}
	fmt.Fprintf(&b, "  %6.1fs  in total: %.1fs bring-up of labs, and %.1fs return of labs to their base state\n",
		m.Took.Seconds(), m.LabTime.Seconds(), m.BaseTime.Seconds())
	for _, s := range m.Failed {
		fmt.Fprintf(&b, "\nFAILED %s: %s\n%s\n  %s\n", s.suite, s.text(), indent(s.Failure.Message), s.folder(""))
	}
	fmt.Fprintf(&b, "\n%d specs, %d negative controls, %d matrix cells, %d failed, %.1f min\n", m.Specs, len(m.Controls), len(m.Matrix), len(m.Failed), m.Took.Minutes())
	return b.String()
}

// messageLines limits the lines of a failure in the report; the failure's folder has all lines.
const messageLines = 30

func indent(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if more := len(lines) - messageLines; more > 0 {
		lines = append(lines[:messageLines], fmt.Sprintf("(%d lines more)", more))
	}
	return plain.Text("  " + strings.Join(lines, "\n  "))
}

func (m summary) html(path string) error {
	t, err := template.New("suites").Funcs(template.FuncMap{
		"seconds": func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) },
		"text":    spec.text,
		"suite":   func(s spec) string { return s.suite },
		"folder":  func(s spec) string { return filepath.ToSlash(s.folder(filepath.Dir(path))) },
		"rows":    func() []matrix.Row { return matrix.Rows(m.Matrix) },
		"froms":   matrix.Froms,
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("lab bug: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := t.Execute(f, m); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
