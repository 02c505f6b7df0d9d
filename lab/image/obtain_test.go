package image

import (
	"context"
	"errors"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

// pullOnly is a store of images without recipes.
func pullOnly(t *testing.T, e build.Engine) *Store {
	return &Store{engine: e, cache: t.TempDir(), find: func(i plan.Image) (Entry, string, error) {
		return Published(i.Name, "", "1", "acme/"+i.Name+":v", "a test has none"), "1", nil
	}}
}

func TestObtainable(t *testing.T) {
	thing := []plan.Image{{Name: "node", Preload: []plan.Image{{Name: "thing"}}}}
	both := map[string]bool{"acme/node:v1": true, "acme/thing:v1": true}
	here, there, nowhere := newFake("acme/node:v1", "acme/thing:v1"), newFake(), newFake("acme/node:v1")
	there.published = both
	if err := pullOnly(t, here).Obtainable(t.Context(), thing); err != nil {
		t.Errorf("images in the engine: %v", err)
	}
	if err := pullOnly(t, there).Obtainable(t.Context(), thing); err != nil || len(there.did) > 0 {
		t.Errorf("published images: %v, and did %v", err, there.did)
	}
	if err := there.store(t, nil).Obtainable(t.Context(), thing); err != nil {
		t.Errorf("images with a recipe: %v", err)
	}
	for name, s := range map[string]*Store{"not published": pullOnly(t, nowhere), "no engine": pullOnly(t, nil)} {
		var gone *UnavailableError
		err := s.Obtainable(t.Context(), thing)
		if !errors.As(err, &gone) || !gone.CannotBeHad() || !strings.HasSuffix(gone.Summary(), "can be neither pulled nor built here") {
			t.Errorf("%s: seen %v", name, err)
		}
	}
}

// TestReferences checks images that the user names by a reference: the engine's own count under every policy, and the error of a
// missing image has the place in the file and the next step.
func TestReferences(t *testing.T) {
	i := plan.Image{Name: "my-controller:1.2", Reference: true, At: "lab.yaml:9"}
	in := []plan.Image{{Name: "thing", Preload: []plan.Image{i}}}
	has := func(s *Store) *Store {
		s.find = func(i plan.Image) (Entry, string, error) {
			return find([]Entry{Published("thing", "", "1", "acme/thing:v", "")}, i)
		}
		return s
	}
	for _, p := range []Policy{Auto, Pull, Build, Local} {
		f := newFake(i.Name)
		if got, err := has(f.store(t, nil)).Ensure(t.Context(), []plan.Image{i}, p, nil); err != nil || got[i.Name].Ref != i.Name || len(f.did) > 0 {
			t.Errorf("policy %s, in the engine: seen %v, %v, did %v", p, got, err, f.did)
		}
		_, err := has(newFake().store(t, nil)).Ensure(t.Context(), []plan.Image{i}, p, nil)
		var gone *UnavailableError
		if !errors.As(err, &gone) || !gone.CannotBeHad() {
			t.Fatalf("policy %s, nowhere: seen %v", p, err)
		}
		for _, text := range []string{err.Error(), gone.Summary()} {
			if !strings.HasPrefix(text, "lab.yaml:9: image my-controller:1.2 is not in the engine") || !strings.Contains(text, "docker build -t my-controller:1.2") {
				t.Errorf("policy %s, nowhere: seen %q", p, text)
			}
		}
	}
	published := newFake("acme/thing:v1")
	published.published = map[string]bool{i.Name: true}
	if got, err := has(published.store(t, nil)).Ensure(t.Context(), []plan.Image{i}, Auto, nil); err != nil || got[i.Name].Source != "pulled" {
		t.Errorf("published: seen %v, %v", got, err)
	}
	if err := has(published.store(t, nil)).Obtainable(t.Context(), append(in, i)); err != nil {
		t.Errorf("published, asked only: %v", err)
	}
	if missing, err := has(newFake("acme/thing:v1").store(t, nil)).Missing(t.Context(), append(in, i)); err != nil || len(missing) != 2 || missing[0] != i.Name {
		t.Errorf("missing: seen %v, %v", missing, err)
	}
}

// TestBrokenBuildIsNoObstacle checks that an image with a failing recipe is a failure, and an image without a recipe is
// unobtainable.
func TestBrokenBuildIsNoObstacle(t *testing.T) {
	for _, c := range []struct {
		s    *Store
		want bool
	}{{newFake().store(t, errors.New("no compiler")), false}, {pullOnly(t, newFake()), true}} {
		_, err := c.s.Ensure(context.Background(), []plan.Image{{Name: "thing"}}, Auto, nil)
		var gone *UnavailableError
		if !errors.As(err, &gone) || gone.CannotBeHad() != c.want {
			t.Errorf("seen %v, cannot be had: %v wanted", err, c.want)
		}
	}
}
