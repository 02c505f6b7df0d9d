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

// report tells what a run did, as text, and as a page that links what failed specs left.
func report(file, page string, w io.Writer) error {
	all, err := readSuites(file)
	if err != nil {
		return err
	}
	m := summarise(all)
	if err := m.text(w); err != nil {
		return err
	}
	return m.html(page)
}

func (m summary) text(w io.Writer) error {
	var b strings.Builder
	if len(m.Matrix) > 0 {
		fmt.Fprintf(&b, "\nThe matrix: whose address the pod saw, or how the connection failed; ! is not as documented\n")
		if err := matrix.Text(&b, m.Matrix); err != nil {
			return err
		}
	}
	fmt.Fprintf(&b, "\nNegative controls (%d):\n", len(m.Controls))
	for _, s := range m.Controls {
		fmt.Fprintf(&b, "  %s  %s: %s\n", s.State, s.suite, s.text())
	}
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
	fmt.Fprintf(&b, "  %6.1fs  in all; of it %.1fs bringing labs up, and %.1fs until they were back in their base state\n",
		m.Took.Seconds(), m.LabTime.Seconds(), m.BaseTime.Seconds())
	for _, s := range m.Failed {
		fmt.Fprintf(&b, "\nFAILED %s: %s\n  %s\n  %s\n", s.suite, s.text(), firstLine(s.Failure.Message), s.folder(""))
	}
	fmt.Fprintf(&b, "\n%d specs, %d negative controls, %d matrix cells, %d failed, %.1f min\n", m.Specs, len(m.Controls), len(m.Matrix), len(m.Failed), m.Took.Minutes())
	_, err := io.WriteString(w, b.String())
	return err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
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
