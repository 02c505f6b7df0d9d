package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// usedEngine refuses to remove an image with an open workshop, like Docker.
type usedEngine struct {
	Engine
	open    map[string]int
	removed []string
}

func (e *usedEngine) Workshops(context.Context) (map[string]Workshop, error) { return nil, nil }

func (e *usedEngine) Workshop(_ context.Context, ref, _ string, _ bool) (Workshop, error) {
	e.open[ref]++
	return usedShop{e, ref}, nil
}

func (e *usedEngine) Remove(_ context.Context, ref string) error {
	if e.open[ref] > 0 {
		return fmt.Errorf("%s: %w", ref, ErrInUse)
	}
	e.removed = append(e.removed, ref)
	return nil
}

type usedShop struct {
	e   *usedEngine
	ref string
}

func (s usedShop) Exec(context.Context, io.Reader, io.Writer, string) error { return nil }
func (s usedShop) Commit(context.Context, string, map[string]string) error  { return nil }
func (s usedShop) Close() error {
	s.e.open[s.ref]--
	return nil
}

func TestTheBaseOfANodeImageGoesWhenItsContainerHasGone(t *testing.T) {
	images := filepath.Join(t.TempDir(), "images.tar")
	if err := os.WriteFile(images, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e := &usedEngine{open: map[string]int{}}
	b, err := New(e, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.onBase(t.Context(), "base", Recipe{Name: "node", Key: Hash("node")}, images); err != nil {
		t.Fatal(err)
	}
	if len(e.removed) != 1 || e.removed[0] != "base" {
		t.Errorf("removed are %v, want base", e.removed)
	}
}
