package plan_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/plan"
)

var imageRef = regexp.MustCompile(`\{(image|repository|tag) ([^}]+)\}`)

// TestAddonsNameTheirImages compares the images in manifests and values with the images on the nodes; both sets must be
// equal. Every manifest must be one object with a name.
func TestAddonsNameTheirImages(t *testing.T) {
	for _, file := range []string{"metallb", "metallb-frr-k8s", "kube-router", "cilium-kube-router-purelb", "calico", "kube-vip"} {
		p, err := plan.Make(load(t, "../scenario/testdata/valid-"+file+".yaml"), "lab", plan.Host{})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range p.Addons {
			text := strings.Join(a.Manifests, "---\n")
			if a.Chart != nil {
				text += plan.YAML(a.Chart.Values)
			}
			var seen, want []string
			for _, m := range imageRef.FindAllStringSubmatch(text, -1) {
				seen = append(seen, m[2])
			}
			for _, i := range a.Images {
				want = append(want, i.Key())
				if !slices.ContainsFunc(p.Cluster.Image.Preload, func(in plan.Image) bool { return in.Key() == i.Key() }) {
					t.Errorf("%s: image %s is not in the nodes", a.Name, i.Key())
				}
			}
			slices.Sort(seen)
			slices.Sort(want)
			if seen = slices.Compact(seen); !slices.Equal(seen, want) {
				t.Errorf("%s: seen images %v, want %v", a.Name, seen, want)
			}
			for _, m := range a.Manifests {
				var o struct {
					Kind     string
					Metadata struct{ Name string }
				}
				if err := yaml.Unmarshal([]byte(m), &o); err != nil || o.Kind == "" || o.Metadata.Name == "" {
					t.Errorf("%s: a manifest without kind or name (%v):\n%s", a.Name, err, m)
				}
			}
		}
	}
}

// TestPreloadIsPerScenario checks that an addon's images change the node image of no other scenario.
func TestPreloadIsPerScenario(t *testing.T) {
	p, err := plan.Make(load(t, defaultFile), "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.Keys(p.Cluster.Image.Preload); got != "cilium@1.19.5, cilium-operator@1.19.5, echo" {
		t.Errorf("the default lab's nodes hold %s", got)
	}
}

func TestOneSidedAndFarSessions(t *testing.T) {
	p, err := plan.Make(load(t, "../scenario/testdata/valid-one-sided.yaml"), "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	sessions := map[string]int{}
	for _, r := range p.Routers {
		sessions[r.Name] = r.PlannedSessions()
	}
	if want := map[string]int{"unifi": 0, "r1": 2, "left": 1, "mid": 0, "right": 1}; !maps.Equal(sessions, want) {
		t.Errorf("seen sessions %v, want %v: the one-sided are not counted", sessions, want)
	}
	if n := p.Routers[2].BGP.Neighbors[0]; n.Address.String() != "10.255.0.2" {
		t.Errorf("left peers with %s, want the far loopback", n.Address)
	}
	if text := p.Text(); strings.Count(text, "name: unifi") < 2 {
		t.Error("the nodes' configuration lacks the sessions to unifi")
	}
}
