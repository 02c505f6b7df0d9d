package image

import (
	"fmt"

	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/scenario"
)

// addonImages are what addons other than Cilium run.
func addonImages() []Entry {
	metalLB := func(part string) Entry {
		name := "metallb-" + part
		return Entry{Name: name, What: "MetalLB's " + part, Version: scenario.DefaultMetalLB,
			Upstream: func(v string) string { return "metallb/" + part + ":v" + v },
			Recipe:   func(b *build.Builder, v string) (build.Recipe, error) { return b.MetalLB(name, v) }}
	}
	calico := func(part, what string) Entry {
		return published("calico-"+part, what, scenario.DefaultCalico, "calico/"+part+":v",
			"it needs the module github.com/projectcalico/api, which cannot be had")
	}
	const apisix = "it is no Go program"
	return []Entry{
		metalLB("controller"),
		metalLB("speaker"),
		published("kube-router", "kube-router", scenario.DefaultKubeRouter, "cloudnativelabs/kube-router:v", "its repository is no Go module that can be had"),
		published("purelb-allocator", "PureLB's allocator", scenario.DefaultPureLB, "purelb/allocator:v", "its repository is no Go module that can be had"),
		calico("node", "Calico's node agent, with BIRD"),
		calico("cni", "Calico's CNI plugin"),
		calico("kube-controllers", "Calico's controllers"),
		published("apisix", "the APISIX gateway", "3.16.0-ubuntu", "apache/apisix:", apisix),
		published("apisix-ingress-controller", "APISIX's ingress controller", "2.0.1", "apache/apisix-ingress-controller:", "its repository is no Go module that can be had"),
		published("apisix-adc", "what the ingress controller configures APISIX with", "0.24.2", "api7/adc:", apisix),
	}
}

// published is an image that can be pulled only, or brought by hand under its upstream name; why says why it has no recipe.
func published(name, what, version, upstream, why string) Entry {
	return Entry{Name: name, What: what, Version: version,
		Upstream: func(v string) string { return upstream + v },
		Recipe: func(*build.Builder, string) (build.Recipe, error) {
			return build.Recipe{}, fmt.Errorf("there is no recipe for it: %s", why)
		}}
}
