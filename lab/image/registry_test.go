package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

// TestLiveRegistry makes the engine pull from a registry on loopback: engines use plain HTTP there.
func TestLiveRegistry(t *testing.T) {
	if testing.Short() {
		t.Skip("live test: -short")
	}
	e, err := docker.Connect(t.Context())
	if err != nil {
		t.Skipf("live test: %v", err)
	}
	defer func() { _ = e.Close() }()
	host := publish(t, e, "acme/thing:v1")
	s := &Store{engine: build.Docker(e.Client), cache: t.TempDir(), find: func(i plan.Image) (Entry, string, error) {
		return Published(i.Name, "", "1", host+"/acme/"+i.Name+":v", "a test has none"), "1", nil
	}}

	thing, nothing := []plan.Image{{Name: "thing"}}, []plan.Image{{Name: "nothing"}}
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
	for what, err := range map[string]error{
		"asked": s.Obtainable(t.Context(), nothing),
		"had":   second(s.Ensure(t.Context(), nothing, Auto, nil)),
	} {
		if err == nil || !strings.Contains(err.Error(), "can be neither pulled nor built here") || !strings.Contains(err.Error(), "acme/nothing") {
			t.Errorf("an image that the registry has not, %s: seen %v", what, err)
		}
	}
}

// publish serves a registry, makes the engine push an image of one file and forget the image. The pulled image is
// removed at the end.
func publish(t *testing.T, e *docker.Engine, name string) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	ref := host + "/" + name
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "thing", Mode: 0o644, Typeflag: tar.TypeReg}), w.Close()); err != nil {
		t.Fatal(err)
	}
	imported, err := e.Client.ImageImport(t.Context(), client.ImageImportSource{Source: &layer, SourceName: "-"}, ref, client.ImageImportOptions{})
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
	// Older engines refuse to push without credentials, even empty credentials.
	pushed, err := e.Client.ImagePush(t.Context(), ref, client.ImagePushOptions{RegistryAuth: base64.URLEncoding.EncodeToString([]byte("{}"))})
	if err != nil {
		t.Fatal(err)
	}
	if err := pushed.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	remove()
	return host
}

func second(_ map[string]Resolved, err error) error { return err }
