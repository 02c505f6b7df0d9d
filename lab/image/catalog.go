// Package image holds the one catalogue of every image that labs are made of, and finds each in the
// local engine, pulls it, or has it built here.
package image

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

// entry is one image of the catalogue.
type entry struct {
	name string
	what string // one line for people
	// version is what an image without a version means.
	version string
	// upstream is the published image's name for a version; nil where there is none fit for use.
	upstream func(version string) string
	// recipe says how to build a version here. Its error says why it cannot be built.
	recipe func(b *build.Builder, version string) (build.Recipe, error)
	// standIn says that what is built here only stands in for what is published, which is asked for first each time.
	standIn bool
}

// catalogue is the one list of images. Versions are without a leading v.
func catalogue() []entry {
	net := func(name string) func(*build.Builder, string) (build.Recipe, error) {
		return func(b *build.Builder, version string) (build.Recipe, error) { return b.Net(name, version) }
	}
	return append([]entry{
		{name: "node", what: "a Kubernetes node for kind", version: "1.36.3",
			upstream: func(v string) string { return "kindest/node:v" + v }, recipe: nodeRecipe},
		{name: "cilium", what: "Cilium's agent", version: "1.19.5",
			upstream: func(v string) string { return "cilium/cilium:v" + v },
			recipe:   func(b *build.Builder, v string) (build.Recipe, error) { return b.Cilium(v) }},
		{name: "cilium-operator", what: "Cilium's operator", version: "1.19.5",
			upstream: func(v string) string { return "cilium/operator-generic:v" + v },
			recipe:   func(b *build.Builder, v string) (build.Recipe, error) { return b.CiliumOperator(v) }},
		{name: "k3s", what: "a node of k3s, or what stands in for it", version: "1.36.3", upstream: publishedK3s,
			standIn: true, recipe: k3sRecipe},
		{name: "etcd", what: "a datastore beside a cluster",
			recipe: func(b *build.Builder, _ string) (build.Recipe, error) { return b.Etcd() }},
		{name: "hubble-relay", what: "one API for Hubble's flows", version: "1.19.5",
			upstream: func(v string) string { return "cilium/hubble-relay:v" + v },
			recipe:   func(b *build.Builder, v string) (build.Recipe, error) { return b.HubbleRelay(v) }},
		published("hubble-ui", "Hubble's page", "0.13.5", "cilium/hubble-ui:v", "its sources are a JavaScript application, which is no Go module"),
		published("hubble-ui-backend", "what Hubble's page asks", "0.13.5", "cilium/hubble-ui-backend:v", "its sources can be had as no Go module"),
		{name: "echo", what: "answers probes in the cluster",
			recipe: func(b *build.Builder, _ string) (build.Recipe, error) { return b.Echo() }},
		{name: "frr", what: "an FRR router",
			upstream: func(v string) string {
				if v == "" {
					v = "8.4.1"
				}
				return "frrouting/frr:v" + v
			}, recipe: net("frr")},
		{name: "bird", what: "a BIRD router", recipe: net("bird")},
		{name: "gobgp", what: "a GoBGP router, with FRR's zebra for its FIB", recipe: net("gobgp")},
		{name: "keepalived", what: "guards a gateway's address by VRRP", recipe: net("keepalived")},
		{name: "balancer", what: "balances and guards the address of several API servers",
			recipe: func(b *build.Builder, _ string) (build.Recipe, error) { return b.Balancer() }},
		{name: "client", what: "a host beyond the routers", recipe: net("client")},
	}, addonImages()...)
}

// publishedK3s is k3s's image of a release, 1.36.3-k3s1, or of a Kubernetes version's first release.
func publishedK3s(v string) string {
	if !strings.Contains(v, "-k3s") {
		v += "-k3s1"
	}
	return "rancher/k3s:v" + v
}

// k3sRecipe builds what stands in for k3s, of the pinned Kubernetes version only.
func k3sRecipe(b *build.Builder, version string) (build.Recipe, error) {
	r, err := b.K3sStandIn(publishedK3s(version))
	if plain, _, _ := strings.Cut(version, "-"); err == nil && plain != r.Version {
		err = fmt.Errorf("what stands in for it is of Kubernetes %s; ask for that, or pin another in tools/images/kubernetes", r.Version)
	}
	return r, err
}

// nodeRecipe builds the pinned Kubernetes version only.
func nodeRecipe(b *build.Builder, version string) (build.Recipe, error) {
	r, err := b.Node()
	if err == nil && version != r.Version {
		err = fmt.Errorf("tools/images/kubernetes pins %s; pin %s there to build it", r.Version, version)
	}
	return r, err
}

// Names are the catalogue's names, in its order.
func Names() []string {
	var names []string
	for _, e := range catalogue() {
		names = append(names, e.name)
	}
	return names
}

// find returns the catalogue's entry for an image, and the version that is meant.
func find(i plan.Image) (entry, string, error) {
	all := catalogue()
	at := slices.IndexFunc(all, func(e entry) bool { return e.name == i.Name })
	if at < 0 {
		return entry{}, "", fmt.Errorf("image %q is not in the catalogue, which has: %s", i.Name, strings.Join(Names(), ", "))
	}
	e := all[at]
	version := strings.TrimPrefix(i.Version, "v")
	if version == "" {
		version = e.version
	}
	if strings.Contains(version, "/") {
		e.upstream = nil // nobody publishes a checkout
	}
	if (e.name == "node" || e.name == "k3s") && minorOnly.MatchString(version) && strings.HasPrefix(e.version, version+".") {
		version = e.version // v1.36 is the patch release that the catalogue knows
	}
	return e, version, nil
}

var minorOnly = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)
