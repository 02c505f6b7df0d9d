package lab_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
)

// TestKindsAreNamedNowhereElse checks that generic code names no member. Outside the member's package, only lab.Kinds
// names the member's type.
func TestKindsAreNamedNowhereElse(t *testing.T) {
	k := lab.Kinds()
	of := map[string]string{} // check.Reach → lab/check
	var types []string
	for _, m := range slices.Concat(k.Checks, k.Signals, k.Faults) {
		fields := reflect.TypeOf(m.New()).Elem()
		folder := strings.TrimPrefix(fields.PkgPath(), module)
		name := path.Base(folder) + "." + fields.Name()
		of[name], types = folder, append(types, regexp.QuoteMeta(name))
	}
	if len(types) < 20 {
		t.Fatalf("seen %d members, want at least 20", len(types))
	}
	named := regexp.MustCompile(`\b(` + strings.Join(types, "|") + `)\b`)
	for _, root := range []string{".", "../tools"} {
		err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || file == "kinds.go" {
				return err
			}
			text, err := os.ReadFile(file)
			for _, name := range named.FindAllString(string(text), -1) {
				folder := path.Join("lab", path.Dir(filepath.ToSlash(file)))
				if folder != of[name] {
					t.Errorf("%s names %s; only lab/kinds.go may", file, name)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
