package addon

import (
	"slices"

	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
)

// hubbleUIValues are the chart's values of Hubble's page; none where the plan has no such part, or where its images
// cannot be had.
func hubbleUIValues(p *plan.Plan, images map[string]image.Resolved) map[string]any {
	i := slices.IndexFunc(p.Parts, func(part plan.Part) bool { return part.Name == plan.PartHubbleUI })
	if i < 0 {
		return nil
	}
	ui := map[string]any{"enabled": true}
	for n, key := range []string{"frontend", "backend"} {
		img, ok := images[p.Parts[i].Images[n].Key()]
		if !ok {
			return nil
		}
		ui[key] = map[string]any{"image": map[string]any{"override": img.Ref, "useDigest": false, "pullPolicy": "IfNotPresent"}}
	}
	return map[string]any{"hubble": map[string]any{"ui": ui}}
}

// hubbleDeployments are those that the chart makes of Hubble with these values.
func hubbleDeployments(values map[string]any) []string {
	hubble, _ := values["hubble"].(map[string]any)
	if on, _ := hubble["enabled"].(bool); !on {
		return nil
	}
	var names []string
	for _, part := range []string{"relay", "ui"} {
		settings, _ := hubble[part].(map[string]any)
		if on, _ := settings["enabled"].(bool); on {
			names = append(names, "hubble-"+part)
		}
	}
	return names
}
