package docker

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeEngine answers like an engine with one network held by an endpoint without a container, and a container
// that another process is removing. A live engine cannot be brought into these states at will.
type fakeEngine struct {
	network, ghost bool
	container      int // listings in which it still appears
	stuck          bool
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if strings.HasPrefix(path, "/v1.") {
		path = path[strings.IndexByte(path[1:], '/')+1:]
	}
	answer := func(code int, body any) {
		w.Header().Set("Api-Version", "1.41")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body)
	}
	said := func(s string) map[string]string { return map[string]string{"message": s} }
	switch r.Method + " " + path {
	case "HEAD /_ping", "GET /_ping":
		w.Header().Set("Api-Version", "1.41")
	case "GET /containers/json":
		list := []map[string]any{}
		if f.container > 0 && strings.Contains(r.URL.Query().Get("filters"), LabelLab) {
			f.container--
			list = append(list, map[string]any{"Id": "c1", "Names": []string{"/r1"}, "State": "removing"})
		}
		answer(200, list)
	case "DELETE /containers/c1":
		answer(409, said("removal of container c1 is already in progress"))
	case "GET /networks":
		list := []map[string]any{}
		if f.network {
			list = append(list, map[string]any{"Id": "n1", "Name": "fabric"})
		}
		answer(200, list)
	case "GET /networks/n1":
		answer(200, map[string]any{"Id": "n1", "Containers": map[string]any{"ep-1": map[string]string{"Name": "ghost"}}})
	case "POST /networks/n1/disconnect":
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"ghost"`) || !strings.Contains(string(body), `"Force":true`) {
			answer(404, said("no such container"))
			return
		}
		f.ghost = false
		answer(200, nil)
	case "DELETE /networks/n1":
		if f.ghost || f.stuck {
			answer(403, said("error while removing network: network fabric has active endpoints"))
			return
		}
		f.network = false
		w.WriteHeader(http.StatusNoContent)
	case "GET /volumes":
		answer(200, map[string]any{"Volumes": []any{}})
	default:
		answer(500, said("unexpected "+r.Method+" "+path))
	}
}

func (f *fakeEngine) connect(t *testing.T) *Engine {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	t.Setenv("DOCKER_HOST", "tcp://"+server.Listener.Addr().String())
	e, err := Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestRemoveHalfGone(t *testing.T) {
	f := &fakeEngine{network: true, ghost: true, container: 3}
	removed, err := f.connect(t).Remove(t.Context(), "fake")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"endpoint ghost on network fabric", "network fabric"}; !slices.Equal(removed, want) {
		t.Errorf("removed %q; want %q", removed, want)
	}
}

func TestRemoveStuck(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	f := &fakeEngine{network: true, stuck: true}
	_, err := f.connect(t).Remove(ctx, "fake")
	for _, want := range []string{"lab fake", "left: network fabric", "active endpoints", "deadline", "skidpad down --name fake"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q in it", err, want)
		}
	}
	if _, err := f.connect(t).Remove(t.Context(), ""); err == nil {
		t.Error("a lab without a name was removed")
	}
}
