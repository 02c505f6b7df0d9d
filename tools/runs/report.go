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
)

//go:embed suites.html.tmpl
var pageText string

// report tells what a run did: in short to w, and whole beside the file, as text and as a page that links what failed specs
// left. The grid and the controls are in the whole only: what a terminal or a CI's log keeps is its last lines, and those
// are to say what failed, and how.
func report(file string, w io.Writer) error {
	all, err := readSuites(file)
	if err != nil {
		return err
	}
	m := summarise(all)
	if m.Specs == 0 {
		return fmt.Errorf("%s: no spec ran, so nothing is shown; see which labels there are with `go tool ginkgo labels ./suites/...`", file)
	}
	base := strings.TrimSuffix(file, filepath.Ext(file))
	whole := m.lists() + m.short()
	if err := os.WriteFile(base+".txt", []byte(whole), 0o644); err != nil {
		return err
	}
	if err := m.html(base + ".html"); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\nThe matrix as a grid, what each failover cost beside its bound, and the negative controls by name: %s.txt, %s.html\n", m.short(), base, base)
	return nil
}

// lists are what is long: the grid, what failovers cost, and the negative controls by name.
func (m summary) lists() string {
	var b strings.Builder
	if len(m.Matrix) > 0 {
		fmt.Fprintf(&b, "The matrix: whose address the pod saw, or how the connection failed; ! is not as documented\n")
		_ = matrix.Text(&b, m.Matrix) // a strings.Builder takes everything
	}
	fmt.Fprintf(&b, "\nWhat failovers cost, and what they may (%d):\n", len(m.Measured))
	for _, seen := range m.Measured {
		fmt.Fprintf(&b, "  %s  %s: %s\n    %s\n    may:  %s\n    cost: %s\n", seen.Spec.State, seen.Spec.suite, seen.Spec.text(), seen.What, seen.Expected, seen.Observed)
	}
	fmt.Fprintf(&b, "\nNegative controls (%d):\n", len(m.Controls))
	for _, s := range m.Controls {
		fmt.Fprintf(&b, "  %s  %s: %s\n", s.State, s.suite, s.text())
	}
	return b.String()
}

// short is what everybody wants to know; what failed comes last.
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
		fmt.Fprintf(&b, "  %6.1fs  bringing lab %s up\n", up.Seconds, up.Lab)
	}
	fmt.Fprintf(&b, "  %6.1fs  in all; of it %.1fs bringing labs up, and %.1fs until they were back in their base state\n",
		m.Took.Seconds(), m.LabTime.Seconds(), m.BaseTime.Seconds())
	for _, s := range m.Failed {
		fmt.Fprintf(&b, "\nFAILED %s: %s\n%s\n  %s\n", s.suite, s.text(), indent(s.Failure.Message), s.folder(""))
	}
	fmt.Fprintf(&b, "\n%d specs, %d negative controls, %d matrix cells, %d failed, %.1f min\n", m.Specs, len(m.Controls), len(m.Matrix), len(m.Failed), m.Took.Minutes())
	return b.String()
}

// messageLines is how many lines of a failure are told here; its folder has them all.
const messageLines = 30

func indent(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if more := len(lines) - messageLines; more > 0 {
		lines = append(lines[:messageLines], fmt.Sprintf("(%d lines more)", more))
	}
	return "  " + strings.Join(lines, "\n  ")
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
