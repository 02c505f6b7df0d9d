// Command mutants breaks skidpad's own code, one place at a time, and tells which unit test notices.
//
//	go run ./tools/mutants                 all mutants
//	go run ./tools/mutants lab/loss bound  the mutants whose package, function or edit contains one of the words
//
// A mutant is an edit of one function. The source files stay as they are: the compiler gets the edited copy by -overlay. The
// exit code is 1 if a mutant survives without a reason, or cannot be made.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, ".", os.Args[1:], mutants, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// mutant is one edit: the first Old in the function becomes New.
type mutant struct {
	Package  string // lab/loss
	Func     string // Of, or Summary.steady for a method
	Old, New string
	Survives string // the reason why no unit test can notice; empty for a mutant that must be noticed
}

func (m mutant) String() string {
	return fmt.Sprintf("%s %s: %s → %s", m.Package, m.Func, oneLine(m.Old), oneLine(m.New))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// run tries the mutants that match words, and prints a table.
func run(ctx context.Context, root string, words []string, all []mutant, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "#\tMUTANT\tNOTICED BY")
	tried, noticed := 0, 0
	var wrong []string
	for i, m := range all {
		if len(words) > 0 && !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(m.String(), word) }) {
			continue
		}
		tried++
		by, err := m.try(ctx, root)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			by = "NOT MADE: " + err.Error()
		case by != "":
			noticed++
		case m.Survives != "":
			by = "survives: " + m.Survives
		default:
			by = "SURVIVES"
		}
		if err != nil || by == "SURVIVES" {
			wrong = append(wrong, m.String())
		}
		fmt.Fprintf(table, "%d\t%s\t%s\n", i+1, m, by)
		fmt.Fprintf(os.Stderr, "%d of %d: %s: %s\n", i+1, len(all), m, by)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d of %d mutants are noticed\n", noticed, tried)
	if tried == 0 {
		return fmt.Errorf("no mutant contains any of %q", words)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("without a test or a reason:\n  %s", strings.Join(wrong, "\n  "))
	}
	return nil
}

// try runs the package's tests with the mutant and returns the first test that fails, or "".
func (m mutant) try(ctx context.Context, root string) (by string, err error) {
	path, text, err := m.edit(root)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	edited, overlay := filepath.Join(dir, filepath.Base(path)), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: edited}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(edited, text, 0o600), os.WriteFile(overlay, list, 0o600)); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-failfast", "-timeout=5m", "-json", "-overlay="+overlay, "./"+filepath.ToSlash(m.Package))
	cmd.Dir = root
	out, failed := cmd.Output()
	return firstFailure(out, failed)
}

// firstFailure reads `go test -json`. Code that does not compile is an error: such a mutant proves nothing.
func firstFailure(out []byte, failed error) (by string, err error) {
	var said strings.Builder
	for line := range bytes.Lines(out) {
		var e struct{ Action, Test, Output, FailedBuild string }
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		switch {
		case e.Action == "build-output":
			said.WriteString(e.Output)
		case e.FailedBuild != "":
			return "", fmt.Errorf("it does not compile: %s", oneLine(said.String()))
		case e.Action == "fail" && by == "":
			by = e.Test
			if by == "" {
				by = "a panic or the time limit"
			}
		}
	}
	if failed != nil && by == "" {
		return "", failed
	}
	return by, nil
}

// edit returns the file of the function and the file's text with the edit.
func (m mutant) edit(root string) (path string, text []byte, err error) {
	files, err := filepath.Glob(filepath.Join(root, m.Package, "*.go"))
	if err != nil {
		return "", nil, err
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return "", nil, err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, source, parser.SkipObjectResolution)
		if err != nil {
			return "", nil, err
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || nameOf(f) != m.Func {
				continue
			}
			found++
			from, to := set.Position(f.Pos()).Offset, set.Position(f.End()).Offset
			body := string(source[from:to])
			if !strings.Contains(body, m.Old) {
				return "", nil, fmt.Errorf("%s has no %q", m.Func, m.Old)
			}
			if path, err = filepath.Abs(file); err != nil {
				return "", nil, err
			}
			text = slices.Concat(source[:from], []byte(strings.Replace(body, m.Old, m.New, 1)), source[to:])
		}
	}
	if found != 1 {
		return "", nil, fmt.Errorf("%s has %d functions %s, want one", m.Package, found, m.Func)
	}
	return path, text, nil
}

// nameOf is a function's name, with its receiver's type before it.
func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + f.Name.Name
	}
	return f.Name.Name
}
