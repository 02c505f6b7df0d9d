package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
)

// resolveParts finds the images of what the lab can do without. A part whose images cannot be had is left out; why is
// kept with the lab.
func (l *Lab) resolveParts(ctx context.Context, o Options, images map[string]image.Resolved, note func(string)) error {
	for _, part := range l.Plan.Parts {
		got, err := image.New(l.engine, o.Source).Ensure(ctx, part.Images, o.Images, func(e image.Event) { note(sentence(e)) })
		var unavailable *image.UnavailableError
		switch {
		case errors.As(err, &unavailable):
			if l.missing == nil {
				l.missing = map[string]string{}
			}
			l.missing[part.Name] = unavailable.Error()
			note(fmt.Sprintf("%s is left out: %v", part.Name, unavailable))
		case err != nil:
			return err
		default:
			maps.Copy(images, got)
		}
	}
	return nil
}

// present are the plan's addons beside Cilium, without those that were left out.
func (l *Lab) present() []plan.Addon {
	return slices.DeleteFunc(slices.Clone(l.Plan.Addons), func(a plan.Addon) bool {
		_, missing := l.missing[a.Name]
		return missing
	})
}

// skipped are the parts that were left out, as checks that were skipped.
func (l *Lab) skipped(done func(check.Result)) []check.Result {
	var all []check.Result
	for _, name := range slices.Sorted(maps.Keys(l.missing)) {
		r := check.Result{Scenario: l.Plan.Scenario.Metadata.Name, Name: "part " + name, Verdict: check.Skipped,
			Expected: name + " runs", Observed: l.missing[name]}
		if done != nil {
			done(r)
		}
		all = append(all, r)
	}
	return all
}

// Notes are what is to be known of a lab besides its state: what stands in for something else, and what was left out.
func (l *Lab) Notes() []string {
	var notes []string
	for _, key := range slices.Sorted(maps.Keys(l.images)) {
		i := l.images[key]
		if published := i.StandsInFor(); published != "" {
			notes = append(notes, fmt.Sprintf("%s stands in for %s, which can be neither pulled nor built here", i.Ref, published))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.missing)) {
		notes = append(notes, fmt.Sprintf("%s is left out: %s", name, cmp.Or(l.missing[name], "its images cannot be had")))
	}
	return notes
}
