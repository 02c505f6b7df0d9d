package image

import (
	"context"
	"os"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// TestEnsure makes real images in the local engine; SKIDPAD_IMAGES names them: frr,node,echo or
// node+cilium+echo for a node with others in it.
func TestEnsure(t *testing.T) {
	wanted := os.Getenv("SKIDPAD_IMAGES")
	if wanted == "" {
		t.Skip("set SKIDPAD_IMAGES to a list of images to have them made for real")
	}
	ctx := context.Background()
	engine, err := docker.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	var images []plan.Image
	for _, w := range strings.Split(wanted, ",") {
		names := strings.Split(w, "+")
		i := versioned(names[0])
		for _, n := range names[1:] {
			i.Preload = append(i.Preload, versioned(n))
		}
		images = append(images, i)
	}
	got, err := New(engine, "../..").Ensure(ctx, images, Policy(os.Getenv("SKIDPAD_POLICY")), func(e Event) {
		t.Logf("%-28s %-8s %6.1fs %s", e.What, e.Status, e.Elapsed.Seconds(), e.Detail)
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, r := range got {
		t.Logf("%s: %s, %s, %d MB, %v", key, r.Ref, r.Source, r.Size/1e6, r.Parts)
	}
}

// versioned reads name@version.
func versioned(s string) plan.Image {
	name, version, _ := strings.Cut(s, "@")
	return plan.Image{Name: name, Version: version}
}
