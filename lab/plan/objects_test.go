package plan_test

import (
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/plan"
)

// TestOwnObjects plans objects and charts of the user's own: the known names are addresses, the others stay for the running
// lab, the images are on the nodes, and each part knows its place in the user's files.
func TestOwnObjects(t *testing.T) {
	p, err := plan.Make(load(t, "../scenario/testdata/valid-own-objects.yaml"), "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	router, _ := p.Named("r1.fabric")
	own := p.Manifests
	if own == nil || len(own.Objects) != 3 {
		t.Fatalf("seen %v, want 3 objects", own)
	}
	for i, want := range []struct{ at, text string }{
		{"objects/good.yaml:3", "kind: Namespace"},
		{"objects/good.yaml:8", `router: "` + router + `"`},
		{"valid-own-objects.yaml:25", "@{worker.ip}"},
	} {
		if o := own.Objects[i]; !strings.HasSuffix(o.At, want.at) || !strings.Contains(o.Text, want.text) {
			t.Errorf("object %d: seen %s:\n%swant %s with %s", i, o.At, o.Text, want.at, want.text)
		}
	}
	if keys := plan.Keys(p.Cluster.Image.Preload); !strings.HasSuffix(keys, "echo, client") {
		t.Errorf("the nodes hold %s, want echo and client too, each once", keys)
	}
	last := p.Steps[len(p.Steps)-2]
	if got := strings.Join(last.After, " "); last.Name != plan.StepManifests || got != "cluster cni addons workloads" {
		t.Errorf("seen step %s after %s, want manifests after cluster, cni, addons and workloads", last.Name, got)
	}
	a := p.Addon("manifests")
	if len(a.Objects) != 2 || !strings.Contains(a.Objects[1].Text, router) || a.Ready[1].Condition != "Ready=True" {
		t.Errorf("seen the addon %+v", a)
	}
	c := p.Addon("chart web").Chart
	if !strings.HasSuffix(c.Path, "testdata/objects/web") || c.Namespace != "web" || !strings.HasSuffix(c.At, "valid-own-objects.yaml:19") {
		t.Errorf("seen the chart %+v", c)
	}
	if c.Values["router"] != router || c.Values["replicas"] != float64(2) && c.Values["replicas"] != int64(2) {
		t.Errorf("seen the values %v, want those of the file and of the scenario, with %s", c.Values, router)
	}
}
