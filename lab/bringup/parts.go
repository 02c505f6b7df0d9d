package bringup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// Catalogue lists the images of all members.
func Catalogue(kinds scenario.Kinds) []image.Entry {
	return append(router.Images(kinds), addon.Images(kinds.Addons)...)
}

// resolveParts finds the images of the lab's optional parts, and adds the images to images. A part without available
// images is left out. missing has the reasons; the lab keeps missing.
func resolveParts(ctx context.Context, eng *docker.Engine, p *plan.Plan, o Options, images map[string]image.Resolved, note func(string)) (missing map[string]string, err error) {
	for _, part := range p.Parts {
		got, err := image.New(eng, Catalogue(p.Scenario.Kinds())...).Ensure(ctx, part.Images, o.Images, func(e image.Event) { note(sentence(e)) })
		var unavailable *image.UnavailableError
		switch {
		case errors.As(err, &unavailable):
			if missing == nil {
				missing = map[string]string{}
			}
			missing[part.Name] = unavailable.Error()
			note(fmt.Sprintf("%s is left out: %v", part.Name, unavailable))
		case err != nil:
			return nil, err
		default:
			maps.Copy(images, got)
		}
	}
	return missing, nil
}

// present returns the plan's addons without the missing addons.
func (b *building) present() []plan.Addon {
	return slices.DeleteFunc(slices.Clone(b.Plan.Addons), func(a plan.Addon) bool {
		_, missing := b.missing[a.Name]
		return missing
	})
}
