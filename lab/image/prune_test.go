package image

import (
	"errors"
	"slices"
	"testing"

	"skidpad.dev/skidpad/lab/image/build"
)

// made adds an image that was built here to the engine.
func (f *fakeEngine) made(ref, name string, parts ...string) string {
	labels := map[string]string{build.LabelName: name}
	for _, p := range parts {
		labels[build.LabelPart+"preload."+p] = p
	}
	f.images[ref] = build.Found{ID: "id of " + ref, Tags: []string{ref}, Labels: labels}
	return ref
}

// TestSuperseded checks that Superseded leaves images equal to their recipe's result, nodes with current images only,
// pulled images, and images of containers.
func TestSuperseded(t *testing.T) {
	f := newFake("frrouting/frr:v8.4.1", "stranger:1")
	now := f.made(builtRef("thing"), "thing")
	f.made("skidpad.local/node-lab:1-a", build.NodeLab, now)
	old := []string{
		f.made("skidpad.local/thing:1-000000000000", "thing"),
		f.made("skidpad.local/node-lab:1-b", build.NodeLab, now, "skidpad.local/thing:1-000000000000"),
		f.made("skidpad.local/node-lab:1-c", build.NodeLab, "skidpad.local/thing:1-111111111111"),
	}
	stays := len(f.images) - len(old)
	s := f.store(t, nil)
	list, err := s.Superseded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, i := range list {
		refs = append(refs, i.Ref)
	}
	slices.Sort(refs)
	slices.Sort(old)
	if !slices.Equal(refs, old) {
		t.Fatalf("superseded: seen %v, wanted %v", refs, old)
	}
	f.used = map[string]bool{old[0]: true}
	kept, err := s.Remove(t.Context(), list)
	if err != nil || len(kept) != 1 || !errors.Is(kept[old[0]], build.ErrInUse) || len(f.images) != stays+1 {
		t.Errorf("kept %v, error %v, and the engine has %v", kept, err, f.images)
	}
}
