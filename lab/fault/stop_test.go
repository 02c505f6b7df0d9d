package fault

import (
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/docker"
)

// The guard of a router stops before the router. The guard can therefore hand the gateway over before the router's links stay
// behind.
func TestRidersStopFirst(t *testing.T) {
	var stopped []string
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(strings.TrimSuffix(r.URL.Path, "/stop"))
		stopped = append(stopped, name)
		if strings.HasSuffix(name, "-none") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer engine.Close()
	c, err := client.New(client.WithHost("tcp://"+strings.TrimPrefix(engine.URL, "http://")), client.WithAPIVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	in := &Injector{engine: &docker.Engine{Client: c}}
	for _, riders := range [][]string{{"r1-gw"}, {"r1-none"}, nil} {
		stopped = nil
		r := &run{spot: spot{in: in, at: place{container: "r1", riders: riders}}}
		if err := r.stop(t.Context()); err != nil || !slices.Equal(stopped, append(slices.Clone(riders), "r1")) {
			t.Errorf("riders %v: stopped %v (%v), want the riders and then r1", riders, stopped, err)
		}
	}
}
