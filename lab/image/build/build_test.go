package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"skidpad.dev/skidpad/lab/source"
)

func testBuilder(t *testing.T) *Builder {
	t.Helper()
	b, err := New(nil, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.source = source.Files{}
	return b
}

func write(t *testing.T, root, path, data string) {
	t.Helper()
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestHashCountsBoundaries(t *testing.T) {
	if Hash("ab", "c") == Hash("a", "bc") || Hash("a") == Hash("a", "") {
		t.Error("inputs with other boundaries have the same hash")
	}
	if first, again := Hash("a", "b"), Hash("a", "b"); first != again {
		t.Error("the same inputs have two hashes")
	}
}

func TestProgramsKeyFollowsItsInputs(t *testing.T) {
	b := testBuilder(t)
	b.source["m/go.mod"] = []byte("module m\n")
	b.source["m/go.sum"] = []byte("")
	p := Programs{Module: "m", Packages: map[string]string{"a": "x/a"}}
	key := func(p Programs) string {
		t.Helper()
		k, err := p.Key(b)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	first := key(p)
	if key(p) != first {
		t.Error("the same inputs have two keys")
	}
	tagged, stamped, linked := p, p, p
	tagged.Tags, stamped.LDFlags, linked.CGO = []string{"seccomp"}, []string{"-X v=1"}, true
	for name, other := range map[string]Programs{"tags": tagged, "ldflags": stamped, "cgo": linked} {
		if key(other) == first {
			t.Errorf("%s do not count", name)
		}
	}
	b.source["m/go.sum"] = []byte("changed")
	if key(p) == first {
		t.Error("go.sum does not count")
	}
}

func TestFixtureKeyFollowsImports(t *testing.T) {
	b := testBuilder(t)
	b.source["go.mod"] = []byte("module skidpad.dev/skidpad\n")
	b.source["go.sum"] = []byte("")
	b.source["fixtures/echo/main.go"] = []byte("package main\nimport _ \"skidpad.dev/skidpad/lab/x\"\n")
	b.source["lab/x/x.go"] = []byte("package x\n")
	key := func() string {
		t.Helper()
		k, err := b.fixtureKey("echo")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	first := key()
	b.source["go.sum"] = []byte("something")
	if key() != first {
		t.Error("an unused module counts")
	}
	b.source["lab/x/x.go"] = []byte("package x\nconst A = 1\n")
	if key() == first {
		t.Error("an imported package does not count")
	}
	b.source["lab/x/x.go"] = []byte("package x\nimport _ \"example.com/y\"\n")
	withModule := key()
	b.source["go.sum"] = []byte("another version")
	if key() == withModule {
		t.Error("an imported module does not count")
	}
}

func TestArtefactIsMadeOnceAndWhole(t *testing.T) {
	b := testBuilder(t)
	key := Hash("k")
	broken := errors.New("interrupted")
	_, err := b.Artefact(t.Context(), "a", key, func(_ context.Context, dir string) error {
		write(t, dir, "half", "")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("error %v, want that of the making", err)
	}
	// The remains of a killed process.
	write(t, b.cache, "artefacts/a-"+key[:16]+".tmp/remains", "")

	var made atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir, err := b.Artefact(t.Context(), "a", key, func(_ context.Context, dir string) error {
				made.Add(1)
				write(t, dir, "whole", "")
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			files, err := os.ReadDir(dir)
			if err != nil || len(files) != 1 || files[0].Name() != "whole" {
				t.Errorf("artefact holds %v, %v; want the file whole", files, err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
}

func TestArtefactOfAnotherProcessIsWaitedFor(t *testing.T) {
	b := testBuilder(t)
	other, err := New(nil, b.cache, nil)
	if err != nil {
		t.Fatal(err)
	}
	started, goOn := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_, err := b.Artefact(t.Context(), "a", Hash("k"), func(context.Context, string) error {
			close(started)
			<-goOn
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-started
	all.Go(func() {
		_, err := other.Artefact(t.Context(), "a", Hash("k"), func(context.Context, string) error {
			t.Error("made a second time")
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	close(goOn)
	all.Wait()
}

func TestFullDiskIsExplained(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, errors.New("write /x: no space left on device")} {
		got := explainDisk("image node", err)
		if !errors.Is(got, ErrDiskFull) || !strings.Contains(got.Error(), "free some") {
			t.Errorf("%v: explained as %v", err, got)
		}
	}
	if other := errors.New("other"); !errors.Is(explainDisk("x", other), other) {
		t.Error("another error is changed")
	}
}

func TestModuleVersion(t *testing.T) {
	b := testBuilder(t)
	b.source["m/go.mod"] = []byte("module m\n\nrequire example.com/one v1.2.3\n\nrequire (\n\texample.com/two/v2 v2.0.1 // indirect\n)\n")
	for module, want := range map[string]string{"example.com/one": "v1.2.3", "example.com/two/v2": "v2.0.1", "example.com/two": ""} {
		got, err := b.ModuleVersion("m/go.mod", module)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v; want %q", module, got, err, want)
		}
	}
}

func TestProgramName(t *testing.T) {
	for pkg, want := range map[string]string{
		"k8s.io/kubernetes/cmd/kubelet": "kubelet", "go.etcd.io/etcd/server/v3": "server", "./fixtures/echo": "echo",
	} {
		if got := programName(pkg); got != want {
			t.Errorf("%s: %s, want %s", pkg, got, want)
		}
	}
}
