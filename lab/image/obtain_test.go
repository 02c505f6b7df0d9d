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
