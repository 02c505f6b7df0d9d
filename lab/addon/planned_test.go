package addon

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// load plans a scenario file, with an invented reference for each image.
func load(t *testing.T, name string) (*plan.Plan, map[string]image.Resolved) {
	t.Helper()
	s, err := scenario.Load(filepath.Join("..", "scenario", "testdata", name), kinds)
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

// TestDefinitionsFitTheirBounds holds that no definition has a bound that its format cannot say: MetalLB's AS numbers.
func TestDefinitionsFitTheirBounds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "crd.yaml")
	const text = `---
metadata: {name: peers.example.org}
spec:
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          properties:
            asn: {type: integer, format: int32, maximum: 4294967295}
            port: {type: integer, format: int32, maximum: 65535}
            peers: {type: array, items: {properties: {asn: {type: integer, format: int32, maximum: 4294967295}}}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	crds, err := readCRDs(file)
	if err != nil {
		t.Fatal(err)
	}
	p := crds[0].Spec.Versions[0].Schema.OpenAPIV3Schema.Properties
	if got := []string{p["asn"].Format, p["port"].Format, p["peers"].Items.Schema.Properties["asn"].Format}; !slices.Equal(got, []string{"int64", "int32", "int64"}) {
		t.Errorf("seen formats %v, want int64 where the bound needs it", got)
	}
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
				got := planned.values["image"].(map[string]any)
				if got["override"] != "example/cilium:v1" && (got["repository"] != "example/apisix" || got["tag"] != "v1") {
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
