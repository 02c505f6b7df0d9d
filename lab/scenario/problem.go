package scenario

import (
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/plain"
)

// Problem is one mistake in a scenario file.
type Problem struct {
	Path    string // such as spec.routers[1].bgp.asn; empty for the file as a whole
	Line    int    // from 1; 0 for the file as a whole
	Message string // seen …, want …
}

// Invalid is the error of an unusable scenario file, with every mistake in order of lines.
type Invalid struct { //nolint:errname // reads as what the file is: scenario.Invalid
	File     string
	Problems []Problem
}

// Error returns a line for each problem: FILE:LINE: PATH: seen …, want ….
func (e *Invalid) Error() string {
	lines := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		var b strings.Builder
		b.WriteString(e.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		if p.Path != "" {
			b.WriteString(": " + p.Path)
		}
		b.WriteString(": " + p.Message)
		lines = append(lines, b.String())
	}
	return plain.Text(strings.Join(lines, "\n"))
}

// problems collects mistakes, and knows the line of each path in the file.
type problems struct {
	name  string // of the scenario file
	list  []Problem
	lines map[string]int
}

func newProblems(name string) *problems { return &problems{name: name, lines: map[string]int{}} }

// add records a mistake at a path. A path that the file does not have, such as the path of a default, gets the line of the
// nearest ancestor.
func (p *problems) add(path, format string, args ...any) {
	p.list = append(p.list, Problem{Path: path, Line: p.lineOf(path), Message: fmt.Sprintf(format, args...)})
}

func (p *problems) lineOf(path string) int {
	for at := path; ; at = parentOf(at) {
		if line, ok := p.lines[at]; ok {
			return line
		}
		if at == "" {
			return 0
		}
	}
}

// parentOf cuts the last field or index off a path.
func parentOf(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// has reports whether the path, a parent or a child has a mistake. Problems that follow from this mistake are left out.
func (p *problems) has(path string) bool {
	return slices.ContainsFunc(p.list, func(q Problem) bool {
		return q.Path == "" || within(q.Path, path) || within(path, q.Path)
	})
}

// within reports whether path is outer or a child of outer.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// err returns nil, or an *Invalid with the problems in order of lines.
func (p *problems) err(file string) error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int { return a.Line - b.Line })
	return &Invalid{File: file, Problems: p.list}
}
