package addon

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got any) {
	t.Helper()
	text, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with: go test ./lab/addon -update", err)
	}
	if string(text) != string(want) {
		t.Errorf("%s differs; seen:\n%s\nwanted:\n%s", path, text, want)
	}
}

func planned() (*plan.Plan, map[string]image.Resolved) {
	p := &plan.Plan{
		Lab: "l",
		Cluster: &plan.Cluster{Nodes: []plan.Node{
			{Name: "skidpad-l-control-plane", ControlPlane: true}, {Name: "skidpad-l-worker"}, {Name: "skidpad-l-worker2"},
		}},
	}
	return p, map[string]image.Resolved{"echo": {Ref: "skidpad.local/echo:v1"}}
}

func TestGivenChart(t *testing.T) {
	root := t.TempDir()
	c := plan.Chart{Folder: "install/chart"}
	folder := filepath.Join(root, c.Folder)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "Chart.yaml"), []byte("name: cilium\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{root, folder} {
		c.Path = given
		s, err := givenChart(&c)
		if err != nil || s.path != folder || s.tree != root {
			t.Errorf("%s: seen %+v, %v", given, s, err)
		}
	}
	c.Path = filepath.Join(root, "gone")
	if _, err := givenChart(&c); err == nil {
		t.Error("a path that is not there was taken")
	}
}

func TestAsWanted(t *testing.T) {
	values := map[string]any{"routingMode": "native", "operator": map[string]any{"replicas": 1}}
	ch := &chart.Chart{Metadata: &chart.Metadata{Name: "cilium", Version: "1.19.5"}}
	r := &release.Release{Chart: ch, Config: plan.Merge(values, nil), Info: &release.Info{Status: release.StatusDeployed}}
	if !asWanted(r, ch, values) {
		t.Error("a release with the same values was taken for another")
	}
	r.Config["routingMode"] = "tunnel"
	if asWanted(r, ch, values) {
		t.Error("a release with other values was taken for the same")
	}
	r.Info.Status = release.StatusPendingInstall
	if asWanted(r, ch, values) {
		t.Error("a release that was never finished was taken for whole")
	}
}

func TestDaemonSetReady(t *testing.T) {
	set := func(generation, observed, desired, ready, updated int64) []*unstructured.Unstructured {
		return []*unstructured.Unstructured{{Object: map[string]any{
			"metadata": map[string]any{"generation": generation},
			"status": map[string]any{"observedGeneration": observed, "desiredNumberScheduled": desired,
				"numberReady": ready, "updatedNumberScheduled": updated},
		}}}
	}
	cases := []struct {
		name string
		seen []*unstructured.Unstructured
		want bool
	}{
		{"none", nil, false},
		{"all", set(1, 1, 3, 3, 3), true},
		{"one node has not joined", set(1, 1, 2, 2, 2), false},
		{"one not ready", set(1, 1, 3, 2, 3), false},
		{"status of an older generation", set(2, 1, 3, 3, 3), false},
		{"one of an older revision", set(2, 2, 3, 3, 2), false},
	}
	for _, c := range cases {
		if got, seen := daemonSetReady(c.seen, 3); got != c.want || (seen == "" && !got) {
			t.Errorf("%s: seen %v (%s), wanted %v", c.name, got, seen, c.want)
		}
	}
}

func TestWorkloadObjects(t *testing.T) {
	p, images := planned()
	cases := map[string]scenario.Service{
		"echo-loadbalancer.yaml": {Type: "LoadBalancer", ExternalIPs: []netip.Addr{netip.MustParseAddr("203.0.113.50")}, ExternalTrafficPolicy: "Cluster", InternalTrafficPolicy: "Cluster"},
		"echo-clusterip.yaml":    {Type: "ClusterIP", ExternalTrafficPolicy: "Cluster", InternalTrafficPolicy: "Local"},
	}
	for name, service := range cases {
		t.Run(name, func(t *testing.T) {
			w, err := NewWorkload(p, plan.Workload{Name: "echo", Namespace: "default", Replicas: 2, Image: plan.Image{Name: "echo"},
				Ports: plan.Ports{HTTP: 8080, UDP: 8080}, Service: plan.Service{Name: "echo", Service: service}}, images)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, w.Objects())
		})
	}
}

func TestSpreadNeverWantsMoreDomainsThanReplicas(t *testing.T) {
	for _, c := range []struct{ replicas, workers, want int }{{2, 2, 2}, {1, 2, 1}, {5, 2, 2}, {2, 1, 1}} {
		w := &Workload{plan: plan.Workload{Name: "echo", Replicas: c.replicas}, workers: c.workers}
		d, ok := w.Objects()[0].(*appsv1.Deployment)
		if !ok {
			t.Fatal("the first object is no Deployment")
		}
		if got := *d.Spec.Template.Spec.TopologySpreadConstraints[0].MinDomains; int(got) != c.want {
			t.Errorf("%d replicas on %d workers: seen %d, wanted %d", c.replicas, c.workers, got, c.want)
		}
	}
}
