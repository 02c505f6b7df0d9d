package lab_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "skidpad.dev/skidpad/"

// layers lists the depth of each package. A package may import packages of a smaller depth, and packages of the same
// family at the same depth.
var layers = []struct {
	depth    int
	packages []string
}{
	{0, []string{"lab/plain", "lab/system", "tools/images"}},
	{1, []string{"lab/node", "lab/bgp", "lab/timeline", "lab/loss", "lab/bound", "lab/hubble", "lab/wait"}},
	{2, []string{"lab/scenario", "lab/source"}},
	{3, []string{"lab/plan"}},
	{4, []string{"lab/docker"}},
	{5, []string{"lab/host", "lab/image", "lab/image/build", "lab/agent"}},
	{6, []string{"lab/cluster", "lab/router", "lab/probe", "lab/capture"}},
	{7, []string{"lab/addon"}},
	{8, []string{"lab/live"}},
	{9, []string{"lab/fault"}},
	{10, []string{"lab/watch"}},
	{11, []string{"lab/check"}},
	{12, []string{"lab/report", "lab/signal"}},
	{13, []string{"lab/bringup"}},
	{14, []string{"lab"}},
	{15, []string{"lab/labtest", "lab/bug", "lab/fleet"}},
	{16, []string{"tools"}},
	{17, []string{"suites"}},
}

// depth returns the layer of the longest listed prefix of pkg, or -1 if pkg is free (scenarios, fixtures).
func depth(pkg string) int {
	best, found := -1, 0
	for _, l := range layers {
		for _, p := range l.packages {
			if (pkg == p || strings.HasPrefix(pkg, p+"/")) && len(p) > found {
				best, found = l.depth, len(p)
			}
		}
	}
	return best
}

// family returns the common parent of packages that may import each other on one layer: lab/router for lab/router/frr.
func family(pkg string) string {
	parts := strings.SplitN(pkg, "/", 3)
	return path.Join(parts[:min(2, len(parts))]...)
}

func violates(from, to string) bool {
	f, t := depth(from), depth(to)
	return t >= 0 && f >= 0 && (t > f || t == f && family(from) != family(to))
}

func TestImportsPointDownwards(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		for _, imp := range p.Imports {
			checkImport(t, p.ImportPath, imp)
		}
	}
	if seen < 10 {
		t.Fatalf("lab bug: only %d packages were read, so this test proves nothing", seen)
	}
}

func checkImport(t *testing.T, from, imp string) {
	t.Helper()
	pkg := strings.TrimPrefix(from, module)
	if isTestFramework(imp) && pkg != "lab/labtest" && !strings.HasPrefix(pkg, "suites") {
		t.Errorf("%s imports %s: only lab/labtest and the suites may", pkg, imp)
	}
	if to, ours := strings.CutPrefix(imp, module); ours && violates(pkg, to) {
		t.Errorf("%s imports %s: that arrow is reversed; move what is shared to a leaf", pkg, to)
	}
}

// TestNoTestFrameworkBelow checks whole import graphs: programs without Ginkgo and Gomega use these packages.
func TestNoTestFrameworkBelow(t *testing.T) {
	for pkg, want := range map[string]bool{"lab": false, "lab/probe": false, "lab/fault": false, "lab/loss": false, "lab/timeline": false, "lab/watch": false, "lab/labtest": true} {
		out, err := exec.Command("go", "list", "-deps", module+pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(strings.Fields(string(out)), isTestFramework); got != want {
			t.Errorf("%s depends on a test framework: %v, wanted %v", pkg, got, want)
		}
	}
}

func isTestFramework(imp string) bool {
	return strings.HasPrefix(imp, "github.com/onsi/")
}

func TestAReversedArrowIsSeen(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"lab/scenario", "lab/plan", true},
		{"lab/plan", "lab/scenario", false},
		{"lab/router/frr", "lab/cluster", true},
		{"lab/router", "lab/router/frr", false},
		{"lab/docker", "lab", true},
		{"tools/skidpad", "lab", false},
		{"lab", "lab/labtest", true},
		{"lab", "lab/live", false},
		{"lab/live", "lab", true},
		{"lab/live", "lab/bringup", true},
		{"lab/bringup", "lab/live", false},
		{"lab/bringup", "lab", true},
		{"lab/check", "lab/live", false},
		{"lab/live", "lab/check", true},
		{"lab/live", "lab/fault", true},
		{"lab/live", "lab/watch", true},
	} {
		if got := violates(c.from, c.to); got != c.want {
			t.Errorf("violates(%s, %s) = %v, want %v", c.from, c.to, got, c.want)
		}
	}
}
