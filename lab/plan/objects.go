package plan

import (
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// RefusedError is a part of the user's own that another program does not take: an object that the API refuses, a chart that
// cannot be found or rendered.
type RefusedError struct {
	At  string // the place in the user's file: objects.yaml:12
	Err error  // the other program's words
}

// Error returns the place and the words.
func (e *RefusedError) Error() string { return e.At + ": " + e.Err.Error() }

// Unwrap returns the other program's error.
func (e *RefusedError) Unwrap() error { return e.Err }

// manifests plans the scenario's own objects.
func (b *builder) manifests() {
	out := Addon{Name: "spec.manifests"}
	for i, m := range b.spec.Manifests {
		out.Objects = append(out.Objects, m.Objects(fmt.Sprintf("%s[%d]", out.Name, i))...)
	}
	if len(out.Objects) > 0 {
		out.Images = imagesIn(out)
		b.Manifests = &out
	}
}

// imagesIn returns the images of an addon, and the images that the user's objects and values name besides.
func imagesIn(a Addon) []Image {
	all := slices.Clone(a.Images)
	in := func(text, at string) {
		for _, key := range scenario.ImagesIn(text) {
			all = appendNew(all, ImageOf(key, at))
		}
	}
	for _, o := range a.Objects {
		in(o.Text, o.At)
	}
	if a.Chart != nil && a.Chart.At != "" {
		in(YAML(a.Chart.Values), a.Chart.At)
	}
	return all
}

// ImageOf is the inverse of Key. at is the place of the image in the user's file.
func ImageOf(key, at string) Image {
	if scenario.ImageReference(key) {
		return Image{Name: key, Reference: true, At: at}
	}
	name, version, _ := strings.Cut(key, "@")
	return Image{Name: name, Version: version}
}

// appendNew appends the images that are not in the list yet.
func appendNew(all []Image, more ...Image) []Image {
	for _, i := range more {
		if !slices.ContainsFunc(all, func(have Image) bool { return have.Key() == i.Key() }) {
			all = append(all, i)
		}
	}
	return all
}

// objects replaces the names in the user's objects and values. All addresses of the plan are known by then.
func (b *builder) objects() {
	fill := func(a *Addon) {
		for i := range a.Objects {
			a.Objects[i].Text = b.fill(a.Objects[i].Text)
		}
		if a.Chart != nil && a.Chart.At != "" {
			a.Chart.Values = Rewrite(a.Chart.Values, b.fill).(map[string]any)
		}
	}
	for i := range b.Addons {
		fill(&b.Addons[i])
	}
	if b.Manifests != nil {
		fill(b.Manifests)
	}
}

// HasOwn reports whether the lab has objects or charts of the user's own.
func (p *Plan) HasOwn() bool {
	return p.Manifests != nil || slices.ContainsFunc(p.Addons, func(a Addon) bool { return len(a.Objects) > 0 || a.Chart != nil && a.Chart.At != "" })
}

// Rewrite returns a value of maps, lists and scalars with all strings rewritten.
func Rewrite(v any, rewrite func(string) string) any {
	switch v := v.(type) {
	case string:
		return rewrite(v)
	case map[string]any:
		out := map[string]any{}
		for key, x := range v {
			out[key] = Rewrite(x, rewrite)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = Rewrite(x, rewrite)
		}
		return out
	}
	return v
}
