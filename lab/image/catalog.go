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

// Entry is one image of the catalogue.
type Entry struct {
	Name string
	What string // one line for people
	// Version is the version of an image that is asked for without one.
	Version string
	// Upstream returns the published image's name for a version; nil if none is fit for use.
	Upstream func(version string) string
	// Recipe returns how to build a version here. The error says why a version cannot be built.
	Recipe func(b *build.Builder, version string) (build.Recipe, error)
	// StandIn marks an image that stands in for a published one. The published one is asked for first each time.
	StandIn bool
}

// catalogue lists the images that belong to no router software and no addon. Versions are without a leading v.
func catalogue() []Entry {
	return []Entry{
		{Name: "node", What: "a Kubernetes node for kind", Version: "1.36.3",
			Upstream: func(v string) string { return "kindest/node:v" + v }, Recipe: nodeRecipe},
		{Name: "k3s", What: "a node of k3s, or what stands in for it", Version: "1.36.3", Upstream: publishedK3s,
			StandIn: true, Recipe: k3sRecipe},
		{Name: "etcd", What: "a datastore beside a cluster",
			Recipe: func(b *build.Builder, _ string) (build.Recipe, error) { return b.Etcd() }},
		{Name: "echo", What: "answers probes in the cluster",
			Recipe: func(b *build.Builder, _ string) (build.Recipe, error) { return b.Echo() }},
		{Name: "keepalived", What: "guards a gateway's address by VRRP", Recipe: (*build.Builder).Keepalived},
		{Name: "balancer", What: "balances and guards the address of several API servers",
			Recipe: func(b *build.Builder, _ string) (build.Recipe, error) { return b.Balancer() }},
		{Name: "engine", What: "a container engine like another machine's", Recipe: (*build.Builder).Dockerd},
		{Name: "client", What: "a host beyond the routers", Recipe: (*build.Builder).Client},
	}
}

// Names returns the names of the catalogue's images and of further entries, sorted.
func Names(more []Entry) []string {
	var all []string
	for _, e := range append(catalogue(), more...) {
		all = append(all, e.Name)
	}
	slices.Sort(all)
	return all
}

// Published returns an image that can be pulled only, or brought by hand under its upstream name. why is the reason that the
// image has no recipe.
func Published(name, what, version, upstream, why string) Entry {
	return Entry{Name: name, What: what, Version: version,
		Upstream: func(v string) string { return upstream + v },
		Recipe: func(*build.Builder, string) (build.Recipe, error) {
			return build.Recipe{}, fmt.Errorf("there is no recipe for it: %s", why)
		}}
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

// find returns the entry for an image, and the version that is meant.
func find(all []Entry, i plan.Image) (Entry, string, error) {
	at := slices.IndexFunc(all, func(e Entry) bool { return e.Name == i.Name })
	if i.Reference {
		return Published(i.Name, "an image of the scenario", "", i.Name, "the scenario names the image by a reference"), "", nil
	}
	if at < 0 {
		var names []string
		for _, e := range all {
			names = append(names, e.Name)
		}
		return Entry{}, "", fmt.Errorf("image %q is not in the catalogue, which has: %s; a reference has a tag, such as %[1]s:latest", i.Name, strings.Join(names, ", "))
	}
	e := all[at]
	version := strings.TrimPrefix(i.Version, "v")
	if version == "" {
		version = e.Version
	}
	if strings.Contains(version, "/") {
		e.Upstream = nil // nobody publishes a checkout
	}
	if (e.Name == "node" || e.Name == "k3s") && minorOnly.MatchString(version) && strings.HasPrefix(e.Version, version+".") {
		version = e.Version // v1.36 is the patch release that the catalogue knows
	}
	return e, version, nil
}

var minorOnly = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)
