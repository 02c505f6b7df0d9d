package live_test

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// planOf plans a scenario file.
func planOf(t *testing.T, file string) *plan.Plan {
	t.Helper()
	s, err := scenario.Load(file, lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "t", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fakeKube is an API server that serves the kinds of some manifests. fakeKube keeps the JSON of each applied object.
func fakeKube(t *testing.T, manifests ...string) (*cluster.Kube, *[]string) {
	t.Helper()
	var applied []string
	client := fake.NewClientset()
	for _, doc := range strings.Split(strings.Join(manifests, "\n---\n"), "\n---\n") {
		var m metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(doc), &m); err != nil {
			t.Fatal(err)
		}
		client.Resources = append(client.Resources, &metav1.APIResourceList{GroupVersion: m.APIVersion})
		for _, list := range client.Resources { // fakes look for the first list of a version
			if list.GroupVersion == m.APIVersion {
				list.APIResources = append(list.APIResources, metav1.APIResource{Name: strings.ToLower(m.Kind) + "s", Kind: m.Kind})
			}
		}
	}
	dyn := dynamicfake.NewSimpleDynamicClient(runtime.NewScheme())
	dyn.PrependReactor("patch", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		applied = append(applied, string(a.(clienttesting.PatchAction).GetPatch()))
		return true, &unstructured.Unstructured{Object: map[string]any{}}, nil
	})
	return &cluster.Kube{Client: client, Dynamic: dyn}, &applied
}

// Graceful restart reaches every speaker: routers, Cilium and BIRD on nodes.
func TestGracefulRestartIsSetOnEverySpeaker(t *testing.T) {
	for _, tt := range []struct {
		file, on, off string
	}{
		{"../../scenarios/cilium-bgp-vrrp/scenario.yaml", `"gracefulRestart":{"enabled":true}`, ""},
		{"../../scenarios/cilium-bird/scenario.yaml", `\tgraceful restart on;`, `\tgraceful restart off;`},
	} {
		for _, on := range []bool{true, false} {
			p := planOf(t, tt.file)
			images := map[string]image.Resolved{}
			for _, a := range p.Addons {
				for _, i := range a.Images {
					images[i.Key()] = image.Resolved{Ref: "example/" + i.Name + ":v1"}
				}
			}
			l := live.New(nil, p, images, nil)
			p, err := p.With(func(s *scenario.Spec) { live.SetGracefulRestart(s, on) })
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range p.Routers {
				if r.BGP != nil && r.BGP.GracefulRestart != on {
					t.Errorf("%s: router %s: graceful restart %v, wanted %v", tt.file, r.Name, r.BGP.GracefulRestart, on)
				}
			}
			kube, applied := fakeKube(t, p.AddonWith(scenario.RoleBGP).Manifests...)
			if err := live.ApplyNodeSpeaker(t.Context(), l, kube, p); err != nil {
				t.Fatal(err)
			}
			has := func(what string) bool {
				return slices.ContainsFunc(*applied, func(s string) bool { return strings.Contains(s, what) })
			}
			if has(tt.on) != on || tt.off != "" && has(tt.off) == on {
				t.Errorf("%s: graceful restart %v: the nodes' speakers were given %q", tt.file, on, *applied)
			}
		}
	}
}
