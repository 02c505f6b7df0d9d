package bringup_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bringup"
	"skidpad.dev/skidpad/lab/docker"
)

// A lab is found by the record on any of the networks. Remains without a record are an error with the next command.
func TestFind(t *testing.T) {
	p, images := planOf(t, "../../scenarios/cilium-bird/scenario.yaml")
	label, err := bringup.Encode(bringup.Kept{Plan: p, Images: images, Missing: map[string]string{"bird": "no image"}})
	if err != nil {
		t.Fatal(err)
	}
	network := func(labels map[string]string) map[string]any {
		return map[string]any{"Id": "1", "Name": "t-fabric", "Labels": labels}
	}
	type world struct {
		name                 string
		networks, containers []map[string]any
		found                bool
		err                  string
	}
	var now world
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		switch {
		case strings.HasSuffix(r.URL.Path, "/networks"):
			_ = json.NewEncoder(w).Encode(now.networks)
		case strings.HasSuffix(r.URL.Path, "/containers/json"):
			_ = json.NewEncoder(w).Encode(now.containers)
		case strings.Contains(r.URL.Path, "/volumes"):
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"message": "no such volume"}`))
		}
	}))
	t.Cleanup(daemon.Close)
	t.Setenv("DOCKER_HOST", strings.Replace(daemon.URL, "http://", "tcp://", 1))
	e, err := docker.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	for _, now = range []world{
		{"nothing", nil, nil, false, ""},
		{"a record", []map[string]any{network(nil), network(map[string]string{"dev.skidpad.plan": label})}, nil, true, ""},
		{"half a record", []map[string]any{network(map[string]string{"dev.skidpad.plan": label[:100]})}, nil, false, "the plan on network t-fabric cannot be read"},
		{"remains", nil, []map[string]any{{"Id": "1", "Names": []string{"/r1"}}}, false, "1 containers but no network with its plan are there; remove them with `skidpad down --name t`"},
	} {
		l, err := bringup.Find(t.Context(), e, "t", lab.Kinds())
		if (l != nil) != now.found || (err == nil) != (now.err == "") || err != nil && !strings.Contains(err.Error(), now.err) {
			t.Errorf("%s: seen %v, %v; want %v, %q", now.name, l, err, now.found, now.err)
		}
		if l != nil && (l.Plan.Hash != p.Hash || l.Missing()["bird"] != "no image" || len(l.Images()) != len(images)) {
			t.Errorf("%s: another plan came back", now.name)
		}
	}
}
