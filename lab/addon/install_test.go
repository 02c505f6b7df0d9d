package addon_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// load plans a scenario file, with an invented reference for each image.
func load(t *testing.T, name string) (*plan.Plan, map[string]image.Resolved) {
	t.Helper()
	s, err := scenario.Load(filepath.Join("..", "scenario", "testdata", name), lab.Kinds())
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

// The chart takes our images for all containers. Because of the label on the definitions, the operator leaves the definitions
// alone.
func TestChartUsesOurImages(t *testing.T) {
	p, images := load(t, "valid-cilium-kube-router-purelb.yaml")
	a := p.Addon("cilium")
	out, err := moduleDirCached(a.Chart)
	if err != nil {
		t.Skip("the module of Cilium is not in the cache: ", err)
	}
	loaded, err := loader.Load(filepath.Join(out, a.Chart.Folder))
	if err != nil {
		t.Fatal(err)
	}
	installed, err := addon.NewPlanned(p, *a, images, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := action.NewInstall(&action.Configuration{})
	in.ClientOnly, in.DryRun, in.ReleaseName, in.Namespace = true, true, a.Chart.Release, a.Chart.Namespace
	in.KubeVersion = &chartutil.KubeVersion{Version: "v1.36.3", Major: "1", Minor: "36"}
	rendered, err := in.Run(loaded, installed.Values())
	if err != nil {
		t.Fatal(err)
	}
	seen := regexp.MustCompile(`(?m)^\s*image: (.*)$`).FindAllStringSubmatch(rendered.Manifest, -1)
	if len(seen) < 5 {
		t.Errorf("seen %d images, wanted those of the agent and the operator", len(seen))
	}
	for _, m := range seen {
		if !strings.HasPrefix(strings.Trim(m[1], `"`), "example/cilium") {
			t.Errorf("seen image %s, wanted ours", m[1])
		}
	}
	crds, err := addon.ReadDefinitions(out, a.Definitions)
	if err != nil {
		t.Fatal(err)
	}
	if len(crds) < 15 {
		t.Errorf("seen %d custom resource definitions, wanted all of Cilium's", len(crds))
	}
	for _, crd := range crds {
		if crd.Labels[a.Definitions.Label.Name] == "" || crd.Spec.Group != "cilium.io" {
			t.Errorf("%s: seen labels %v, group %q", crd.Name, crd.Labels, crd.Spec.Group)
		}
	}
}

// moduleDirCached is moduleDir without a download.
func moduleDirCached(c *plan.Chart) (string, error) {
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(home, "go", "pkg", "mod")
	}
	dir := filepath.Join(cache, c.Module+"@v"+c.Version)
	_, err := os.Stat(filepath.Join(dir, c.Folder, "Chart.yaml"))
	return dir, err
}

func TestPlannedPutsImagesIn(t *testing.T) {
	for _, name := range []string{"valid-metallb.yaml", "valid-metallb-frr-k8s.yaml", "valid-kube-router.yaml", "valid-cilium-kube-router-purelb.yaml", "valid-calico.yaml", "valid-kube-vip.yaml"} {
		p, images := load(t, name)
		for _, a := range p.Addons {
			planned, err := addon.NewPlanned(p, a, images, nil)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(planned.Manifests(), "")
			if a.Chart != nil {
				got := planned.Values()["image"].(map[string]any)
				if got["override"] != "example/cilium:v1" && (got["repository"] != "example/apisix" || got["tag"] != "v1") {
					t.Errorf("%s: seen image %v in the chart's values", a.Name, got)
				}
			}
			if strings.Contains(text, "{image") || a.Chart == nil && !strings.Contains(text, "example/") {
				t.Errorf("%s: images are not put in:\n%s", a.Name, text)
			}
			delete(images, a.Images[0].Key())
			if _, err := addon.NewPlanned(p, a, images, nil); err == nil || !strings.Contains(err.Error(), a.Images[0].Key()) {
				t.Errorf("%s: an image that is not resolved: seen error %v, wanted one that names it", a.Name, err)
			}
		}
	}
}
