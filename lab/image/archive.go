package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

// List returns every image of the catalogue in the engine, in all versions, sorted by name and reference.
func (s *Store) List(ctx context.Context) ([]Resolved, error) {
	found, err := s.engine.List(ctx)
	if err != nil {
		return nil, err
	}
	var all []Resolved
	for _, f := range found {
		for _, tag := range f.Tags {
			if i, ok := s.identify(tag, f.Labels); ok {
				all = append(all, resolved(i, tag, f))
			}
		}
	}
	slices.SortFunc(all, func(a, b Resolved) int {
		return cmp.Or(cmp.Compare(a.Image.Name, b.Image.Name), cmp.Compare(a.Ref, b.Ref))
	})
	return all, nil
}

// identify returns the catalogue's image of a reference, if any.
func (s *Store) identify(tag string, labels map[string]string) (plan.Image, bool) {
	if name := labels[build.LabelName]; name != "" && strings.HasPrefix(tag, build.Domain+"/"+name+":") {
		_, version, _ := strings.Cut(tag, ":")
		if at := strings.LastIndexByte(version, '-'); at > 0 {
			version = version[:at]
		}
		return plan.Image{Name: name, Version: version}, true
	}
	repository, version, _ := strings.Cut(tag, ":")
	for _, e := range s.entries {
		if e.Upstream == nil {
			continue
		}
		if published, _, _ := strings.Cut(e.Upstream("0"), ":"); published == repository {
			return plan.Image{Name: e.Name, Version: strings.TrimPrefix(version, "v")}, true
		}
	}
	return plan.Image{}, false
}

// Save writes images returned by Ensure as one archive, for Load on another machine.
func (s *Store) Save(ctx context.Context, w io.Writer, images []Resolved) error {
	refs := map[string]bool{}
	var list []string
	for _, i := range images {
		if !refs[i.Ref] {
			refs[i.Ref] = true
			list = append(list, i.Ref)
		}
	}
	if len(list) == 0 {
		return errors.New("no images to save: the engine has no image of the catalogue; run `skidpad images build` first")
	}
	slices.Sort(list)
	r, err := s.engine.Save(ctx, list)
	if err != nil {
		return fmt.Errorf("save images: %w", err)
	}
	defer func() { _ = r.Close() }()
	if _, err := io.Copy(w, r); err != nil {
		return fmt.Errorf("save images: %w", err)
	}
	return nil
}

// renamed returns the name of an image built here in a folder of a registry: HOST/skidpad/frr:10.5-0123.
func renamed(ref, folder string) string {
	return strings.TrimSuffix(folder, "/") + strings.TrimPrefix(ref, build.Domain)
}

// Push pushes the images that were built here, as returned by Ensure, to a folder of a registry, for Store.From on other
// machines. The user's credentials are those of `docker login`. pushed gets each name.
func (s *Store) Push(ctx context.Context, images map[string]Resolved, folder string, pushed func(ref string)) error {
	done := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(images)) {
		ref := images[key].Ref
		other := renamed(ref, folder)
		if images[key].Source != "built" || done[ref] {
			continue
		}
		done[ref] = true
		if err := s.engine.Tag(ctx, ref, other); err != nil {
			return err
		}
		if err := errors.Join(s.engine.Push(ctx, other), s.engine.Remove(ctx, other)); err != nil {
			return err
		}
		pushed(other)
	}
	return nil
}

// Load reads an archive written by Save into the engine.
func (s *Store) Load(ctx context.Context, r io.Reader) error {
	if err := s.engine.Load(ctx, r); err != nil {
		return fmt.Errorf("load images: %w; check that the file is an archive of `skidpad images save`, and that the disk has room", err)
	}
	return nil
}
