package metallb

import (
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
)

// Images returns the catalogue's entries.
func (*Addon) Images() []image.Entry {
	part := func(part string) image.Entry {
		name := "metallb-" + part
		return image.Entry{Name: name, What: "MetalLB's " + part, Version: defaultVersion,
			Upstream: func(v string) string { return "metallb/" + part + ":v" + v },
			Recipe:   func(b *build.Builder, v string) (build.Recipe, error) { return b.MetalLB(name, v) }}
	}
	return []image.Entry{part("controller"), part("speaker"), {
		Name: frrK8s, What: "frr-k8s, FRR for MetalLB and others", Version: frrK8sVersion,
		Upstream: func(v string) string { return "metallb/frr-k8s:v" + v }, Recipe: (*build.Builder).FRRK8s,
	}}
}
