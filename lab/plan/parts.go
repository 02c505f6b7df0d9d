package plan

import (
	"slices"

	"skidpad.dev/skidpad/lab/scenario"
)

// Part is something that a lab can do without. Where its images cannot be had it is left out and told as skipped,
// and the rest runs.
type Part struct {
	Name   string  `json:"name"`
	Images []Image `json:"images"`
}

// PartHubbleUI is the page that draws Hubble's flows.
const PartHubbleUI = "hubble-ui"

// hubbleUI is the release of Hubble's UI that Cilium 1.19's chart names.
const hubbleUI = "0.13.5"

// parts lists what the scenario asks for that no image is built here for.
func (b *builder) parts() {
	if h := hubbleOf(b.spec); h != nil && h.UI {
		b.Parts = append(b.Parts, Part{Name: PartHubbleUI, Images: []Image{
			{Name: "hubble-ui", Version: hubbleUI}, {Name: "hubble-ui-backend", Version: hubbleUI},
		}})
	}
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

// hubbleOf returns what the scenario wants of Hubble, or nil.
func hubbleOf(s *scenario.Spec) *scenario.Hubble {
	if c := ciliumOf(s); c != nil {
		return c.Hubble
	}
	return nil
}

// hubbleValues are the chart's values of Hubble. The UI is added when its images are known to be there.
func hubbleValues(h *scenario.Hubble) map[string]any {
	if h == nil {
		return map[string]any{"enabled": false}
	}
	return map[string]any{"enabled": true, "relay": map[string]any{"enabled": h.Relay}}
}
