package plan

// Part is a part that a lab can do without. If the part's images cannot be had, the part is left out and reported as skipped,
// and the rest runs.
type Part struct {
	Name   string  `json:"name"`
	Images []Image `json:"images"`
	// Addon names the addon whose chart makes the part, with the additional Values and with Ready to wait for. Addon is
	// empty if the part is a whole addon.
	Addon  string         `json:"addon,omitempty"`
	Values map[string]any `json:"values,omitempty"`
	Ready  []Ready        `json:"ready,omitempty"`
}
