package image

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

// TestEnsure asks the local engine for images: under the policy local for the small ones of the default lab, so that nothing is
// made. SKIDPAD_IMAGES names others (frr,node,echo or node+cilium+echo for a node with others in it) and SKIDPAD_POLICY
// another policy.
func TestEnsure(t *testing.T) {
	engine, err := docker.Connect(t.Context())
	if err != nil {
		t.Skipf("live test: %v", err)
	}
	defer func() { _ = engine.Close() }()
	wanted, policy := "client,echo,keepalived", Local
	if given := os.Getenv("SKIDPAD_IMAGES"); given != "" {
		wanted, policy = given, Policy(os.Getenv("SKIDPAD_POLICY"))
	}
	var images []plan.Image
	for w := range strings.SplitSeq(wanted, ",") {
		names := strings.Split(w, "+")
		i := versioned(names[0])
		for _, n := range names[1:] {
			i.Preload = append(i.Preload, versioned(n))
		}
		images = append(images, i)
	}
	s := New(engine)
	first, err := s.Ensure(t.Context(), images, policy, func(e Event) {
		t.Logf("%-28s %-8s %6.1fs %s", e.What, e.Status, e.Elapsed.Seconds(), e.Detail)
	})
	var gone *UnavailableError
	if policy == Local && errors.As(err, &gone) {
		t.Skipf("live test: %v; `make images` makes the images", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range images {
		r := first[i.Key()]
		in, err := engine.Client.ImageInspect(t.Context(), r.Ref)
		if err != nil || in.ID != r.ID || r.Size <= 0 || r.Source == "" {
			t.Errorf("%s: the engine has %q by the name %q: %v; said was %+v", i.Key(), in.ID, r.Ref, err, r)
		}
		for _, p := range i.Preload {
			if first[p.Key()].Ref == "" {
				t.Errorf("%s: %s is in it and is not told", i.Key(), p.Key())
			}
		}
	}
	again, err := s.Ensure(t.Context(), images, Local, func(e Event) {
		if e.Status != build.Started && e.Status != build.Present {
			t.Errorf("the second time: %s %s", e.What, e.Status)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if was, is := slices.Sorted(maps.Keys(first)), slices.Sorted(maps.Keys(again)); !slices.Equal(was, is) {
		t.Errorf("the second time %v, before %v", is, was)
	}
	for key, r := range again {
		if r.Ref != first[key].Ref || r.ID != first[key].ID {
			t.Errorf("%s: the second time %s %s, before %s %s", key, r.Ref, r.ID, first[key].Ref, first[key].ID)
		}
	}
	if _, err := s.Ensure(t.Context(), []plan.Image{{Name: "node", Version: "v1.1.1"}}, Local, nil); !errors.As(err, &gone) {
		t.Errorf("a version that nobody has: seen %v, want an UnavailableError", err)
	}
}

// versioned reads name@version.
func versioned(s string) plan.Image {
	name, version, _ := strings.Cut(s, "@")
	return plan.Image{Name: name, Version: version}
}
