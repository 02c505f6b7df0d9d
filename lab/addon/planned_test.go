package addon

import (
	"path/filepath"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// load plans a scenario file, with an invented reference for each image.
func load(t *testing.T, name string) (*plan.Plan, map[string]image.Resolved) {
	t.Helper()
	s, err := scenario.Load(filepath.Join("..", "scenario", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]image.Resolved{}
	for _, a := range p.Addons {
		for _, i := range a.Images {
			images[i.Key()] = image.Resolved{Ref: "example/" + i.Name + ":v1"}
		}
	}
	return p, images
}

func TestPlannedPutsImagesIn(t *testing.T) {
	for _, name := range []string{"valid-metallb.yaml", "valid-kube-router.yaml", "valid-cilium-kube-router-purelb.yaml", "valid-calico.yaml"} {
		p, images := load(t, name)
		for _, a := range p.Addons {
			planned, err := NewPlanned(p, a, images, nil)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(planned.manifests, "")
			if a.Chart != nil {
				got := planned.values()["image"].(map[string]any)
				if got["repository"] != "example/apisix" || got["tag"] != "v1" {
					t.Errorf("%s: seen image %v in the chart's values", a.Name, got)
				}
			}
			if strings.Contains(text, "{image") || a.Chart == nil && !strings.Contains(text, "example/") {
				t.Errorf("%s: images are not put in:\n%s", a.Name, text)
			}
			delete(images, a.Images[0].Key())
			if _, err := NewPlanned(p, a, images, nil); err == nil || !strings.Contains(err.Error(), a.Images[0].Key()) {
				t.Errorf("%s: an image that is not resolved: seen error %v, wanted one that names it", a.Name, err)
			}
		}
	}
}
