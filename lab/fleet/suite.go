package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// suite compiles a suite and adds a task for each of its files with specs.
func (l *Pack) suite(ctx context.Context, dir string) error {
	top, err := goCommand(ctx, dir, runtime.GOOS, "env", "GOMOD")
	if err != nil {
		return err
	}
	mod := strings.TrimSpace(top)
	full, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	in, err := filepath.Rel(filepath.Dir(mod), full)
	if err != nil {
		return err
	}
	in = filepath.ToSlash(in)
	name := filepath.Base(full)
	_, _ = fmt.Fprintf(l.wanted.Out, "compiling %s\n", in)
	native := filepath.Join(l.scratch, strings.ReplaceAll(in, "/", "-")+".test")
	if _, err := goCommand(ctx, dir, runtime.GOOS, "test", "-c", "-o", native, "."); err != nil {
		return err
	}
	program := native
	if runtime.GOOS != "linux" {
		program += ".linux"
		if _, err := goCommand(ctx, dir, "linux", "test", "-c", "-o", program, "."); err != nil {
			return err
		}
	}
	l.files["go.mod"], l.files[in+"/"+name+".test"] = mod, program
	if _, err := os.Stat(filepath.Join(dir, "testdata")); err == nil {
		if err := l.folder(filepath.Join(dir, "testdata"), in+"/testdata"); err != nil {
			return err
		}
	}
	files, err := specFiles(ctx, native, full, l.wanted.Labels, l.scratch)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return mistake("suite %s has no spec for the filter %q", dir, l.wanted.Labels)
	}
	for _, file := range files {
		short := strings.TrimSuffix(file, "_test.go")
		t := Task{Name: "suite-" + name + "-" + short, Kind: KindSuite, Arg: in, File: "/" + file, Filter: l.wanted.Labels}
		if err := l.task(t); err != nil {
			return err
		}
	}
	return l.needOf(ctx, full, files)
}

// goCommand runs go in a folder, for an operating system, and without C.
func goCommand(ctx context.Context, dir, system string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("go %s in %s: %w", args[0], dir, err)
	}
	return string(out), nil
}

// specFiles returns the files with specs that a filter chooses.
func specFiles(ctx context.Context, program, dir, labels, scratch string) ([]string, error) {
	list := filepath.Join(scratch, "specs.json")
	cmd := exec.CommandContext(ctx, program, "--ginkgo.dry-run", "--ginkgo.label-filter="+labels, "--ginkgo.json-report="+list)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("specs of %s: %w: %s", dir, err, out)
	}
	data, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	var suites []struct {
		SpecReports []struct {
			LeafNodeType, State string
			LeafNodeLocation    struct{ FileName string }
		}
	}
	if err := json.Unmarshal(data, &suites); err != nil {
		return nil, err
	}
	var files []string
	for _, su := range suites {
		for _, s := range su.SpecReports {
			if s.LeafNodeType == "It" && s.State == "passed" {
				files = append(files, filepath.Base(s.LeafNodeLocation.FileName))
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// needOf adds the images of the scenarios that a suite's sources name in plain strings: by name, or as a file of testdata
// (see named). Node images are too large for every pod; Wanted.Images adds them.
func (l *Pack) needOf(ctx context.Context, dir string, specs []string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return err
	}
	named, err := l.named(dir)
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		err = errors.Join(err, readErr)
		if !slices.Contains(specs, filepath.Base(file)) && declaresSpecs.Match(text) {
			continue
		}
		parsed, parseErr := parser.ParseFile(token.NewFileSet(), file, text, 0)
		if err := errors.Join(err, parseErr); err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING {
				return true
			}
			name, _ := strconv.Unquote(text.Value) // the parser has read it
			if s, loadErr := l.wanted.Load(cmp.Or(named[name], ".yaml")); loadErr == nil && s.Spec.Cluster == nil {
				err = errors.Join(err, l.need(ctx, s))
				delete(named, name)
			}
			return true
		})
	}
	return err
}

// named returns what Load takes, by the strings that a suite's sources may have for it: the name of a scenario, and for a file of
// testdata the path, the file's name, and the name without ".yaml".
func (l *Pack) named(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(filepath.Join(dir, "testdata"), func(file string, _ fs.DirEntry, err error) error {
		base, isScenario := strings.CutSuffix(filepath.Base(file), ".yaml")
		if err != nil || !isScenario {
			return err
		}
		in, err := filepath.Rel(dir, file)
		for _, text := range []string{filepath.ToSlash(in), base + ".yaml", base} {
			all[text] = file
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for _, n := range l.wanted.Scenarios {
		all[n] = n
	}
	return all, err
}

// declaresSpecs finds the files with specs among a suite's files.
var declaresSpecs = regexp.MustCompile(`(?m)^var _ = (Describe|DescribeTable|It|Context)\(`)
