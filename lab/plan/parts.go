package plan

import (
	"slices"

	"skidpad.dev/skidpad/lab/scenario"
)

// Part is a part that a lab can do without. If the part's images cannot be had, the part is left out and reported as skipped,
// and the rest runs.
type Part struct {
	Name   string  `json:"name"`
	Images []Image `json:"images"`
	// Addon names the addon whose chart makes the part, with Values more, and with Ready to wait for. It is empty if the part
	// is a whole addon.
	Addon  string         `json:"addon,omitempty"`
	Values map[string]any `json:"values,omitempty"`
	Ready  []Ready        `json:"ready,omitempty"`
}

// parts adds the optional addons to the parts.
func (b *builder) parts() {
	for _, a := range b.Addons {
		if b.optional(a.Name) {
			b.Parts = append(b.Parts, Part{Name: a.Name, Images: a.Images})
		}
	}
}

// optional reports whether the scenario can do without an addon.
func (b *builder) optional(name string) bool {
	return slices.ContainsFunc(b.spec.Addons, func(a scenario.Addon) bool { return a.Kind() == name && a.APISIX != nil && a.APISIX.Optional })
}
