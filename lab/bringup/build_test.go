package bringup_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bringup"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// planOf plans a scenario file and invents a reference for each image.
func planOf(t *testing.T, file string) (*plan.Plan, map[string]image.Resolved) {
	t.Helper()
	s, err := scenario.Load(file, lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "t", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Clone(p.Images)
	for _, part := range p.Parts {
		all = append(all, part.Images...)
	}
	images := map[string]image.Resolved{}
	for _, i := range all {
		for _, one := range append([]plan.Image{i}, i.Preload...) {
			images[one.Key()] = image.Resolved{Ref: "example/" + one.Name + ":v1"}
		}
	}
	return p, images
}

// TestTheLastStepWaitsForEveryAddon covers every installed addon. An addon that cannot be made is an error; the step does
// not skip the addon.
func TestTheLastStepWaitsForEveryAddon(t *testing.T) {
	p, images := planOf(t, "../../scenarios/cilium-bird/scenario.yaml")
	all, err := bringup.Installed(live.New(nil, p, images, nil))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range all {
		names = append(names, a.Name())
	}
	if want := []string{"cilium", "bird", "workload echo"}; !slices.Equal(names, want) {
		t.Errorf("waits for %q, wanted %q", names, want)
	}
	for _, i := range []plan.Image{p.Addons[0].Images[0], p.Addons[1].Images[0], p.Workloads[0].Image} {
		fewer := maps.Clone(images)
		delete(fewer, i.Key())
		if all, err := bringup.Installed(live.New(nil, p, fewer, nil)); err == nil || !strings.Contains(err.Error(), i.Key()) {
			t.Errorf("without image %s: %d addons, error %v; wanted an error that names the image", i.Key(), len(all), err)
		}
	}
}
