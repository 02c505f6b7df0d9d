package source_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/source"
)

// The embedded sources compile in a folder of their own.
func TestProgramsCompile(t *testing.T) {
	dir := t.TempDir()
	if err := source.All().Write(dir); err != nil {
		t.Fatal(err)
	}
	for name := range source.All() {
		if strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s is embedded, a change of a test would make all images anew", name)
		}
	}
	cmd := exec.Command("go", "build", "-o", os.DevNull, "./fixtures/...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "tools", "images", "cilium", "go.sum")); err != nil {
		t.Error(err)
	}
}

// A module that is also part of skidpad itself has a single version.
func TestPinsEqualTheOwnModules(t *testing.T) {
	own, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "tools/images/kind/go.mod"} {
		pins, err := source.All().Read(name)
		if err != nil {
			t.Fatal(err)
		}
		required := regexp.MustCompile(`(?m)^(?:require |\t)(\S+ v\S+)`).FindAllSubmatch(pins, -1)
		if len(required) == 0 {
			t.Errorf("%s requires nothing", name)
		}
		for _, m := range required {
			if !strings.Contains(string(own), string(m[1])) {
				t.Errorf("%s requires %s, skidpad's own go.mod another version", name, m[1])
			}
		}
	}
}
