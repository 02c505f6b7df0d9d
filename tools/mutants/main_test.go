package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every mutant is an edit of code that is there.
func TestEveryMutantCanBeMade(t *testing.T) {
	if len(mutants) < 30 {
		t.Errorf("%d mutants, want 30 at least", len(mutants))
	}
	for _, m := range mutants {
		path, text, err := m.edit("../..")
		if err != nil {
			t.Errorf("%s: %v", m, err)
			continue
		}
		if before, err := os.ReadFile(path); err != nil || string(before) == string(text) {
			t.Errorf("%s changes nothing: %v", m, err)
		}
	}
}

func TestMutantsAreNoticedOrSurvive(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module example\n",
		"p/p.go":        "package p\n\ntype T struct{}\n\nfunc (*T) Add(a, b int) int { return a + b }\n\nfunc Sub(a, b int) int { return a - b }\n",
		"p/p_test.go":   "package p\n\nimport \"testing\"\n\nfunc TestAdd(t *testing.T) {\n\tif (&T{}).Add(1, 2) != 3 {\n\t\tt.Fail()\n\t}\n}\n",
		"p/two_test.go": "package p\n",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		m    mutant
		want string
		bad  bool
	}{
		{mutant{Package: "p", Func: "T.Add", Old: "+", New: "-"}, "TestAdd", false},
		{mutant{Package: "p", Func: "Sub", Old: "-", New: "+"}, "SURVIVES", true},
		{mutant{Package: "p", Func: "Sub", Old: "-", New: "+", Survives: "nobody subtracts"}, "survives: nobody subtracts", false},
		{mutant{Package: "p", Func: "Sub", Old: "a - b", New: "nothing"}, "NOT MADE: it does not compile", true},
		{mutant{Package: "p", Func: "Sub", Old: "*", New: "+"}, "NOT MADE: Sub has no", true},
		{mutant{Package: "p", Func: "Add", Old: "+", New: "-"}, "NOT MADE: p has 0 functions Add", true},
	} {
		var b strings.Builder
		err := run(t.Context(), root, nil, []mutant{tt.m}, &b)
		if !strings.Contains(b.String(), tt.want) || (err != nil) != tt.bad {
			t.Errorf("%s: %v\n%s", tt.m, err, b.String())
		}
	}
	if err := run(t.Context(), root, []string{"lab/none"}, mutants[:1], &strings.Builder{}); err == nil {
		t.Error("a run of no mutant is green")
	}
}
