package cilium

import (
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
)

// hubbleUIVersion is the release in the chart of Cilium 1.19.
const hubbleUIVersion = "0.13.5"

// Images returns the catalogue's entries.
func (*Addon) Images() []image.Entry {
	built := func(name, what, upstream string, recipe func(b *build.Builder, version string) (build.Recipe, error)) image.Entry {
		return image.Entry{Name: name, What: what, Version: DefaultVersion, Upstream: func(v string) string { return upstream + ":v" + v }, Recipe: recipe}
	}
	return []image.Entry{
		built("cilium", "Cilium's agent", "cilium/cilium", (*build.Builder).Cilium),
		built("cilium-operator", "Cilium's operator", "cilium/operator-generic", (*build.Builder).CiliumOperator),
		built("hubble-relay", "one API for Hubble's flows", "cilium/hubble-relay", (*build.Builder).HubbleRelay),
		image.Published("hubble-ui", "Hubble's page", hubbleUIVersion, "cilium/hubble-ui:v", "its sources are a JavaScript application, which is no Go module"),
		image.Published("hubble-ui-backend", "what Hubble's page asks", hubbleUIVersion, "cilium/hubble-ui-backend:v", "its sources can be had as no Go module"),
	}
}
