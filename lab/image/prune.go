package image

import (
	"context"
	"errors"
	"strings"

	"skidpad.dev/skidpad/lab/image/build"
)

// Superseded returns the images built here that today's build would make differently: their inputs have changed, or an
// image inside is superseded or gone. Pulled images are left alone.
func (s *Store) Superseded(ctx context.Context) ([]Resolved, error) {
	b, err := build.New(s.engine, s.cache, nil)
	if err != nil {
		return nil, err
	}
	list, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	current := map[string]bool{}
	var whole, old []Resolved
	for _, i := range list {
		switch {
		case i.Source != "built":
			current[i.Ref] = true
		case i.Image.Name == build.NodeLab:
			whole = append(whole, i)
		default:
			if current[i.Ref] = s.current(b, i); !current[i.Ref] {
				old = append(old, i)
			}
		}
	}
	for _, i := range whole {
		if !madeOf(i, current) {
			old = append(old, i)
		}
	}
	return old, nil
}

// current reports whether an image equals the result of its recipe today.
func (s *Store) current(b *build.Builder, i Resolved) bool {
	asked := i.Image
	asked.Name = strings.TrimSuffix(asked.Name, "-standin")
	e, version, err := s.find(asked)
	if err != nil {
		return false // the catalogue has no such image any more
	}
	recipe, err := e.Recipe(b, version)
	return err == nil && recipe.Ref() == i.Ref
}

// madeOf reports whether all images unpacked inside a node image are current.
func madeOf(i Resolved, current map[string]bool) bool {
	for _, ref := range i.Parts {
		if strings.HasPrefix(ref, build.Domain+"/") && !current[ref] {
			return false
		}
	}
	return true
}

// Remove removes images from the engine. Images used by a container stay; the result has the reason by reference.
func (s *Store) Remove(ctx context.Context, images []Resolved) (map[string]error, error) {
	kept := map[string]error{}
	for _, i := range images {
		err := s.engine.Remove(ctx, i.Ref)
		if errors.Is(err, build.ErrInUse) {
			kept[i.Ref] = err
		} else if err != nil {
			return kept, err
		}
	}
	return kept, nil
}
