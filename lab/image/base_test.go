package image

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

// TestLiveBase builds an image in the engine, on a Debian base image that the engine pulls from a registry on loopback, with
// neither mmdebstrap nor apt-get on the path. The test takes minutes and Debian's packages; SKIDPAD_BASE=1 asks for it.
func TestLiveBase(t *testing.T) {
	if os.Getenv("SKIDPAD_BASE") == "" {
		t.Skip("live test: SKIDPAD_BASE=1 asks for it")
	}
	e, err := docker.Connect(t.Context())
	if err != nil {
		t.Skipf("live test: %v", err)
	}
	defer func() { _ = e.Close() }()
	file := filepath.Join(t.TempDir(), "base.tar")
	made := exec.CommandContext(t.Context(), "mmdebstrap", "--variant=apt", build.Suite, file)
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("making the base image: %v: %s", err, out)
	}
	layer, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = layer.Close() }()
	host, _ := publishLayer(t, e, "mirror/"+build.Base, layer)
	recipe := func(b *build.Builder, version string) (build.Recipe, error) {
		return b.Debian(version, build.Debian{Name: "thing", Main: "tini", Version: "1", Config: build.Idle(),
			RootFS: build.RootFS{Name: "thing-rootfs", Packages: []string{"tini"}}})
	}
	s := &Store{engine: build.Docker(e.Client), cache: t.TempDir(), From: host + "/mirror", find: func(i plan.Image) (Entry, string, error) {
		return Entry{Name: i.Name, Recipe: recipe}, "1", nil
	}}
	t.Setenv("PATH", t.TempDir())
	got, err := s.Ensure(t.Context(), []plan.Image{{Name: "thing"}}, Auto, func(e Event) { t.Logf("%+v", e) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := e.Client.ImageRemove(ctx, got["thing"].Ref, client.ImageRemoveOptions{}); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	if r := got["thing"]; r.Source != "built" || r.Parts["tini"] == "" {
		t.Errorf("seen %+v", r)
	}
}
