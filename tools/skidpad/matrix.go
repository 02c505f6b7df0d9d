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
)

// slowLabel is on specs that the default run leaves out.
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
		Long: "Reads the suites' sources and prints JSON for a workflow's strategy.matrix: a job for each suite, and another for its slow specs\n" +
			"where it has any. --label leaves out suites in which nothing has that label.",
		Example: "  skidpad matrix\n  skidpad matrix --label bgp",
		Args:    args(cobra.NoArgs),
	}
	cmd.Flags().StringVar(&filter, "label", "", "only suites that have this label")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		root := sourceRoot()
		if root == "" {
			return usage("the suites' sources are not here; run this in skidpad's source tree, or set SKIDPAD_SOURCE")
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
		labels, err := labelsIn(filepath.Dir(s))
		if err != nil {
			return nil, err
		}
		if label != "" && !slices.Contains(labels, label) {
			continue
		}
		both := []string{"!" + slowLabel, slowLabel}
		if label != "" {
			both = []string{label + " && !" + slowLabel, label + " && " + slowLabel}
		}
		jobs = append(jobs, job{name, "./suites/" + name, both[0]})
		if slices.Contains(labels, slowLabel) {
			jobs = append(jobs, job{name + "-slow", "./suites/" + name, both[1]})
		}
	}
	return jobs, nil
}

// labelsIn are the labels that a suite's files write out: the arguments of Label that are plain strings.
func labelsIn(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	var labels []string
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return nil, fmt.Errorf("labels of %s: %w", file, err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "Label" {
				return true
			}
			for _, a := range call.Args {
				if text, ok := a.(*ast.BasicLit); ok {
					if label, err := strconv.Unquote(text.Value); err == nil && !slices.Contains(labels, label) {
						labels = append(labels, strings.TrimSpace(label))
					}
				}
			}
			return true
		})
	}
	slices.Sort(labels)
	return labels, nil
}
