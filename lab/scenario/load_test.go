package scenario_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
)

var update = flag.Bool("update", false, "write the golden files anew")

func glob(t *testing.T, pattern string, least int) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < least {
		t.Fatalf("%s: seen %d files, want at least %d", pattern, len(files), least)
	}
	return files
}

// variants lists the other files in the folders of scenarios. `skidpad test FILE` runs these files.
func variants(t *testing.T) []string {
	t.Helper()
	all := slices.DeleteFunc(glob(t, "../../scenarios/*/*.yaml", 22), func(file string) bool { return filepath.Base(file) == "scenario.yaml" })
	if len(all) < 10 {
		t.Fatalf("seen %d variants, want at least 10", len(all))
	}
	return all
}

func TestValidFiles(t *testing.T) {
	for _, file := range glob(t, "testdata/valid-*.yaml", 19) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if _, err := scenario.Load(file, lab.Kinds()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestShippedScenarios(t *testing.T) {
	for _, file := range glob(t, "../../scenarios/*/scenario.yaml", 22) {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			s, err := scenario.Load(file, lab.Kinds())
			if err != nil {
				t.Fatal(err)
			}
			if folder := filepath.Base(filepath.Dir(file)); s.Metadata.Name != folder {
				t.Errorf("metadata.name: seen %q, want the folder's name %q", s.Metadata.Name, folder)
			}
		})
	}
}

func TestVariants(t *testing.T) {
	for _, file := range variants(t) {
		s, err := scenario.Load(file, lab.Kinds())
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Base(filepath.Dir(file)) + "-" + strings.TrimSuffix(filepath.Base(file), ".yaml"); s.Metadata.Name != want {
			t.Errorf("%s: metadata.name: seen %q, want %q, the folder's name and the file's", file, s.Metadata.Name, want)
		}
	}
}

// TestDocumentedExamples loads each scenario in a document.
func TestDocumentedExamples(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	loaded := 0
	for _, file := range slices.Concat(glob(t, "../../*.md", 1), glob(t, "../../docs/*.md", 1), glob(t, "../../scenarios/*/README.md", 22),
		glob(t, "../../scenarios/bugs/*/README.md", shippedBugs)) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllSubmatch(text, -1) {
			if !strings.Contains(string(m[1]), "kind: Scenario") {
				continue
			}
			loaded++
			if _, err := scenario.Parse(file, m[1], lab.Kinds()); err != nil {
				t.Error(err)
			}
		}
	}
	if loaded == 0 {
		t.Error("no document shows a scenario, so this test proves nothing")
	}
}

// TestSetUps loads each file that docs/set-ups.md names, at least one for each of the 32 reports.
func TestSetUps(t *testing.T) {
	text, err := os.ReadFile("../../docs/set-ups.md")
	if err != nil {
		t.Fatal(err)
	}
	reports := regexp.MustCompile(`(?m)^\| .+\]\(\.\./(scenarios/\S+\.yaml)\).*\|$`).FindAllSubmatch(text, -1)
	if len(reports) < 32 {
		t.Errorf("seen %d reports with a file, want at least 32", len(reports))
	}
	for _, m := range regexp.MustCompile(`\]\(\.\./(scenarios/\S+\.yaml)\)`).FindAllSubmatch(text, -1) {
		if _, err := scenario.Load(filepath.Join("../..", string(m[1])), lab.Kinds()); err != nil {
			t.Error(err)
		}
	}
}

// TestInvalidFiles compares each file's error with the .err file beside it.
func TestInvalidFiles(t *testing.T) {
	for _, file := range glob(t, "testdata/invalid-*.yaml", 30) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := scenario.Load(file, lab.Kinds())
			if err == nil {
				t.Fatal("seen no error, want one")
			}
			var invalid *scenario.Invalid
			if !errors.As(err, &invalid) {
				t.Fatalf("seen a %T, want an *scenario.Invalid: %v", err, err)
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".err"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("seen:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge.yaml")
	if err := os.WriteFile(huge, []byte(strings.Repeat("# far too much\n", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ file, want string }{
		"missing":   {filepath.Join(dir, "none.yaml"), "seen no such file"},
		"directory": {dir, "seen a directory"},
		"huge":      {huge, "seen more than 1 MiB"},
		"endless":   {"/dev/zero", "seen more than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scenario.Load(c.file, lab.Kinds())
			if err == nil || !strings.HasPrefix(err.Error(), c.file+": "+c.want) {
				t.Errorf("seen %v, want %s: %s…", err, c.file, c.want)
			}
		})
	}
}
