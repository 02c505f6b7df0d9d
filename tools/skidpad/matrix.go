package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/scenarios"
)

// slowLabel is the label of specs outside of the default run.
const slowLabel = "slow"

// job is one line of a workflow's matrix.
type job struct {
	Name   string `json:"name"`   // failover-slow
	Suite  string `json:"suite"`  // ./suites/failover
	Filter string `json:"filter"` // Ginkgo's label filter
}

func matrixCmd() *cobra.Command {
	var filter string
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "Print the suites as a workflow matrix over labels",
		Long: "Reads the suites' sources and prints JSON for a workflow's strategy.matrix: for each suite a job for the specs without label slow, and\n" +
			"a job for the slow specs. A job without specs is left out. --label selects the suites with this label.",
		Example: "  skidpad matrix\n  skidpad matrix --label bgp",
		Args:    args(cobra.NoArgs),
	}
	cmd.Flags().StringVar(&filter, "label", "", "only suites with this label")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		root := scenarios.Upwards("suites/*/suite_test.go")
		if root == "" {
			return usage("no suites/*/suite_test.go is here or above; run this command in a project with suites")
		}
		jobs, err := jobsOf(filepath.Join(root, "suites"), filter)
		if err != nil {
			return err
		}
		return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string][]job{"include": jobs})
	}
	return cmd
}

// jobsOf makes a job for each suite in dir, by name.
func jobsOf(dir, label string) ([]job, error) {
	suites, err := filepath.Glob(filepath.Join(dir, "*", "suite_test.go"))
	if err != nil || len(suites) == 0 {
		return nil, fmt.Errorf("no suite is in %s: %w", dir, fs.ErrNotExist)
	}
	jobs := []job{}
	for _, s := range suites {
		name := filepath.Base(filepath.Dir(s))
		trees, err := treesIn(filepath.Dir(s))
		if err != nil {
			return nil, err
		}
		and := ""
		if label != "" {
			trees = slices.DeleteFunc(trees, func(t tree) bool { return !slices.Contains(t.labels, label) })
			and = label + " && "
		}
		// A job without a spec would always be green.
		if slices.ContainsFunc(trees, func(t tree) bool { return !t.slow }) {
			jobs = append(jobs, job{name, "./suites/" + name, and + "!" + slowLabel})
		}
		if slices.ContainsFunc(trees, func(t tree) bool { return slices.Contains(t.labels, slowLabel) }) {
			jobs = append(jobs, job{name + "-slow", "./suites/" + name, and + slowLabel})
		}
	}
	return jobs, nil
}

// tree is a top-level declaration in a suite's file: a container with its content, or a spec.
type tree struct {
	labels []string // of the whole content
	slow   bool     // the whole content is slow
}

// treesIn returns a suite's trees, with labels from the plain strings in calls of Label.
func treesIn(dir string) ([]tree, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	var trees []tree
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return nil, fmt.Errorf("labels of %s: %w", file, err)
		}
		for _, d := range parsed.Decls {
			general, ok := d.(*ast.GenDecl)
			if !ok || general.Tok != token.VAR {
				continue
			}
			for _, s := range general.Specs {
				for _, v := range s.(*ast.ValueSpec).Values {
					if t := treeOf(v); len(t.labels) > 0 {
						trees = append(trees, t)
					}
				}
			}
		}
	}
	return trees, nil
}

// treeOf reads a declaration; a declaration without labels declares no specs.
func treeOf(declared ast.Expr) tree {
	var t tree
	ast.Inspect(declared, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		t.labels = append(t.labels, labelsOf(call)...)
		return true
	})
	if call, ok := declared.(*ast.CallExpr); ok {
		for _, a := range call.Args {
			if of, ok := a.(*ast.CallExpr); ok && slices.Contains(labelsOf(of), slowLabel) {
				t.slow = true
			}
		}
	}
	return t
}

// labelsOf returns the plain strings of a call of Label, and nothing for another call.
func labelsOf(call *ast.CallExpr) []string {
	if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "Label" {
		return nil
	}
	var labels []string
	for _, a := range call.Args {
		if text, ok := a.(*ast.BasicLit); ok {
			if label, err := strconv.Unquote(text.Value); err == nil {
				labels = append(labels, strings.TrimSpace(label))
			}
		}
	}
	return labels
}
