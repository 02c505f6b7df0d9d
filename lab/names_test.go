package lab_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/router"
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

// TestSoftwareIsNamedNowhereElse checks that generic code has no text for a single router software or addon: neither the name
// as a value, nor a program, a process or an API group.
func TestSoftwareIsNamedNowhereElse(t *testing.T) {
	// Folders and files about members, or with texts for people.
	own := regexp.MustCompile(`^(router|addon)/[a-z0-9]+/|^image/build/|^kinds\.go$|` +
		`^matrix/|` + // the cells of one addon's modes
		`^watch/fib\.go$|` + // names of route origins, as iproute2 has them
		`^cluster/taints\.go$|` + // keys of taints, next to Kubernetes' own
		`^host/kernel\.go$`) // kernel options, and the programs with a need for the options
	words := []string{"vtysh", "birdc", "cilium-dbg", "hubble-relay", `cilium\.io`, `metallb\.io`, `metallb\.universe\.tf`, `projectcalico\.org`, `purelb\.io`, "exabgpcli"}
	names := map[string]bool{}
	k := lab.Kinds()
	for _, m := range k.Routers {
		names[m.Name] = true
		d := m.New().(router.Software).Daemons()
		for _, name := range slices.Concat(d.Routing, d.Others) {
			words = append(words, regexp.QuoteMeta(name))
		}
	}
	for _, m := range k.Addons {
		names[m.Name] = true
		if of, ok := m.New().(addon.Daemons); ok {
			for _, name := range of.Daemons() {
				if names[name] = true; strings.Contains(name, "-") {
					words = append(words, regexp.QuoteMeta(name))
				}
			}
		}
	}
	delete(names, "manifests") // a field of scenarios, too
	named := regexp.MustCompile(`\b(` + strings.Join(words, "|") + `)\b`)
	read := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || own.MatchString(filepath.ToSlash(file)) {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		read++
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Field: // the tags of fields are texts for people
				n.Tag = nil
			case *ast.BasicLit:
				text, _ := strconv.Unquote(n.Value)
				if n.Kind == token.STRING && (names[text] || named.MatchString(text)) {
					t.Errorf("%s names a router software or an addon in %s; move the text to the member, behind a small interface", file, n.Value)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || read < 100 {
		t.Fatalf("read %d files: %v", read, err)
	}
}
