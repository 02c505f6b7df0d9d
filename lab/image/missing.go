package image

import (
	"context"

	"skidpad.dev/skidpad/lab/plan"
)

// Missing returns the keys of images absent from the engine, with the images inside node images, that Ensure would pull
// or build. For an image without either way, as far as known before a try, the error is an *UnavailableError.
func (s *Store) Missing(ctx context.Context, images []plan.Image) ([]string, error) {
	run, err := s.newRun(Auto, nil)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, i := range images {
		for _, one := range flat(i) {
			e, version, err := run.find(one)
			if err != nil {
				return nil, err
			}
			var refs []string
			if e.Upstream != nil {
				refs = append(refs, e.Upstream(version))
			}
			recipe, buildErr := e.Recipe(run.builder, version)
			if buildErr == nil {
				refs = append(refs, recipe.Ref())
			}
			have := false
			for _, ref := range refs {
				_, ok, err := run.has(ctx, one, ref)
				if err != nil {
					return nil, err
				}
				have = have || ok
			}
			switch {
			case have:
			case buildErr != nil && e.Upstream == nil:
				return nil, &UnavailableError{Image: one, Policy: Build, Build: buildErr}
			default:
				missing = append(missing, one.Key())
			}
		}
	}
	return missing, nil
}
