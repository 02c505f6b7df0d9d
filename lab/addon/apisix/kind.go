// Package apisix is the addon apisix.
package apisix

import (
	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is the Apache APISIX gateway with its ingress controller, installed by its Helm chart.
type Addon struct {
	// Optional: if the images cannot be had, the addon is left out and reported as skipped, and the rest runs; default false.
	Optional bool           `json:"optional,omitempty"`
	Version  string         `json:"version,omitempty" jsonschema:"example=2.14.0"` // the chart's; default 2.14.0
	Chart    string         `json:"chart,omitempty"`                               // a folder or archive; default: the Helm repository's
	Values   map[string]any `json:"values,omitempty"`                              // over the values that the plan computes
}

const defaultVersion = "2.14.0"

var _ addon.Imager = (*Addon)(nil)

// SetDefaults fills in the fields that the file leaves out.
func (a *Addon) SetDefaults(*scenario.Spec) { scenario.Or(&a.Version, defaultVersion) }

// Roles returns the work of the addon in the cluster.
func (*Addon) Roles() []scenario.Role { return []scenario.Role{scenario.RoleIngress} }

// Validate checks the fields.
func (a *Addon) Validate(v *scenario.Validation, path string) {
	v.NeedsIPv4(path, "apisix")
	v.Release(path+".version", a.Version, defaultVersion)
}

// Images returns the catalogue's entries.
func (*Addon) Images() []image.Entry {
	const why = "it is no Go program"
	return []image.Entry{
		image.Published("apisix", "the APISIX gateway", apisixVersion, "apache/apisix:", why),
		image.Published("apisix-ingress-controller", "APISIX's ingress controller", controllerVersion, "apache/apisix-ingress-controller:", "its repository is no Go module that can be had"),
		image.Published("apisix-adc", "what the ingress controller configures APISIX with", adcVersion, "api7/adc:", why),
	}
}
