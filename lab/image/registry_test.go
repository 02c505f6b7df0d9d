package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

// TestLiveRegistry makes the engine pull from a registry on loopback: engines use plain HTTP there. The registry wants the
// credentials of the user's configuration.
func TestLiveRegistry(t *testing.T) {
	if testing.Short() {
		t.Skip("live test: -short")
	}
	e, err := docker.Connect(t.Context())
	if err != nil {
		t.Skipf("live test: %v", err)
	}
	defer func() { _ = e.Close() }()
	host, spoilt := publish(t, e, "acme/thing:v1")
	s := &Store{engine: build.Docker(e.Client), cache: t.TempDir(), find: func(i plan.Image) (Entry, string, error) {
		return Published(i.Name, "", "1", host+"/acme/"+i.Name+":v", "a test has none"), "1", nil
	}}

	thing, nothing := []plan.Image{{Name: "thing"}}, []plan.Image{{Name: "nothing"}}
	spoilt.Store(true)
	if _, err := s.Ensure(t.Context(), thing, Auto, nil); err == nil || !strings.Contains(err.Error(), "can be neither pulled nor built here (pulling: ") {
		t.Errorf("an image with a spoilt layer: seen %v", err)
	}
	if _, ok, err := s.engine.Find(t.Context(), host+"/acme/thing:v1"); ok || err != nil {
		t.Errorf("a part of an image is left: %t, %v", ok, err)
	}
	spoilt.Store(false)
	if err := s.Obtainable(t.Context(), thing); err != nil {
		t.Errorf("an image that the registry has: %v", err)
	}
	for round, want := range []build.Status{build.Pulled, build.Present} {
		var last build.Event
		got, err := s.Ensure(t.Context(), thing, Auto, func(e build.Event) { last = e })
		if err != nil {
			t.Fatal(err)
		}
		if r := got["thing"]; r.Source != "pulled" || r.Ref != host+"/acme/thing:v1" || r.ID == "" || last.Status != want {
			t.Errorf("round %d: seen %+v after %v, wanted it %v", round+1, r, last, want)
		}
	}
	copied(t, s, host)
	for what, err := range map[string]error{
		"asked": s.Obtainable(t.Context(), nothing),
		"had":   second(s.Ensure(t.Context(), nothing, Auto, nil)),
	} {
		if err == nil || !strings.Contains(err.Error(), "can be neither pulled nor built here") || !strings.Contains(err.Error(), "acme/nothing") {
			t.Errorf("an image that the registry has not, %s: seen %v", what, err)
		}
	}
}

// copied pushes an image that was built here to the registry, forgets the image, and pulls it instead of a build.
func copied(t *testing.T, s *Store, host string) {
	t.Helper()
	builds := 0
	s.find = func(i plan.Image) (Entry, string, error) {
		return Entry{Name: i.Name, Recipe: func(_ *build.Builder, v string) (build.Recipe, error) {
			return build.Recipe{Name: i.Name, Version: v, Key: build.Hash("registry test"),
				Make: func(ctx context.Context, _ *build.Builder, r build.Recipe) error {
					builds++
					return s.engine.Tag(ctx, host+"/acme/thing:v1", r.Ref())
				}}, nil
		}}, "1", nil
	}
	thing, folder := []plan.Image{{Name: "thing"}}, host+"/copies"
	built, err := s.Ensure(t.Context(), thing, Auto, nil)
	if err != nil {
		t.Fatal(err)
	}
	var pushed []string
	if err := s.Push(t.Context(), built, folder, func(ref string) { pushed = append(pushed, ref) }); err != nil || len(pushed) != 1 {
		t.Fatalf("pushed %v, %v", pushed, err)
	}
	ref := built["thing"].Ref
	if err := s.engine.Remove(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	s.From = folder
	again, err := s.Ensure(t.Context(), thing, Auto, nil)
	if err != nil || again["thing"].Ref != ref || builds != 1 {
		t.Errorf("seen %+v after %d builds, %v; want %s pulled", again, builds, err, ref)
	}
	if _, ok, err := s.engine.Find(t.Context(), pushed[0]); ok || err != nil {
		t.Errorf("the engine keeps the name %s: %v", pushed[0], err)
	}
	if err := s.engine.Remove(t.Context(), ref); err != nil {
		t.Error(err)
	}
	s.find = func(i plan.Image) (Entry, string, error) {
		return Published(i.Name, "", "1", host+"/acme/"+i.Name+":v", "a test has none"), "1", nil
	}
}

// guarded serves a registry for one user, and makes this user the user of the test. While spoilt is set, the registry's layers
// have other contents than their digests say.
func guarded(t *testing.T) (host string, spoilt *atomic.Bool) {
	t.Helper()
	spoilt = new(atomic.Bool)
	serve := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "dev" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if spoilt.Load() && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			_, _ = io.WriteString(w, "spoilt")
			return
		}
		serve.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	host = strings.TrimPrefix(server.URL, "http://")
	dir := t.TempDir()
	config := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, base64.StdEncoding.EncodeToString([]byte("dev:secret")))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	return host, spoilt
}

// publish is publishLayer with an image of one file.
func publish(t *testing.T, e *docker.Engine, name string) (host string, spoilt *atomic.Bool) {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "thing", Mode: 0o644, Typeflag: tar.TypeReg}), w.Close()); err != nil {
		t.Fatal(err)
	}
	return publishLayer(t, e, name, &layer)
}

// publishLayer serves a registry, makes the engine push an image of one layer and forget the image. The pulled image is
// removed at the end.
func publishLayer(t *testing.T, e *docker.Engine, name string, layer io.Reader) (host string, spoilt *atomic.Bool) {
	t.Helper()
	host, spoilt = guarded(t)
	ref := host + "/" + name
	imported, err := e.Client.ImageImport(t.Context(), client.ImageImportSource{Source: layer, SourceName: "-"}, ref, client.ImageImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, imported); err != nil {
		t.Fatal(err)
	}
	remove := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := e.Client.ImageRemove(ctx, ref, client.ImageRemoveOptions{}); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	}
	t.Cleanup(remove)
	if err := build.Docker(e.Client).Push(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	remove()
	return host, spoilt
}

func second(_ map[string]Resolved, err error) error { return err }
