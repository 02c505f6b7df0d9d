package plan_test

import (
	"maps"
	"slices"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const nativeScenario = `apiVersion: skidpad.dev/v1alpha1
kind: Scenario
metadata: {name: n}
spec:
  networks: [{name: fabric, ipv4: 192.0.2.0/24}, {name: core, ipv4: 198.51.100.0/24}]
  routers:
    - name: r1
      networks: [fabric]
      config: "neighbor @{mon.core} of @{c1.fabric}, @{fabric.subnet} @{core.host} @{fabric.100}"
      files: {/etc/b: {text: "@{r1.fabric}"}, /etc/a: {text: a}}
  clients: [{name: c1, network: fabric}]
  containers:
    - {name: mon, image: "debian:bookworm-slim", networks: [fabric, core], command: [ping, "@{r1.fabric}"], env: {A: "@{mon.core}"}, routes: [{to: default, via: r1}]}
    - {name: old, image: frr@10.3, networks: [core]}
`

func TestNamesOfNativeTextsAreAddressesOfThePlan(t *testing.T) {
	s, err := scenario.Parse("n.yaml", []byte(nativeScenario), lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "n", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	n := p.Routers[0].Native
	if got, want := n.Added[0].Text, "neighbor 198.51.100.202 of 192.0.2.201, 192.0.2.0/24 198.51.100.1 192.0.2.100"; got != want {
		t.Errorf("config: seen %q, wanted %q", got, want)
	}
	if want := []plan.File{{Path: "/etc/a", Text: "a"}, {Path: "/etc/b", Text: "192.0.2.11"}}; !slices.Equal(n.Files, want) {
		t.Errorf("files: seen %v, wanted %v", n.Files, want)
	}
	mon := p.Containers[0]
	if !slices.Equal(mon.Command, []string{"ping", "192.0.2.11"}) || mon.Env["A"] != "198.51.100.202" {
		t.Errorf("texts of the container: seen %v, %v", mon.Command, mon.Env)
	}
	if mon.Host.Via.String() != "192.0.2.11" {
		t.Errorf("default route: seen %v, wanted r1", mon.Host.Via)
	}
	want := []plan.Image{{Name: "frr"}, {Name: "client"}, {Name: "debian:bookworm-slim", Reference: true}, {Name: "frr", Version: "10.3"}}
	if !slices.EqualFunc(p.Images, want, func(a, b plan.Image) bool { return a.Key() == b.Key() && a.Reference == b.Reference }) {
		t.Errorf("images: seen %v, wanted %v", p.Images, want)
	}
	place, ok := p.Places().Find("mon")
	if !ok || place.Kind != node.KindContainer || place.Container != "skidpad-n-mon" || place.Home != "skidpad-n-mon.net" || len(place.Networks) != 2 {
		t.Errorf("place: seen %+v", place)
	}
	if at, ok := p.Places().At(mon.Host.Further[0].Address); !ok || at.Name != "mon" {
		t.Errorf("owner of the container's second address: seen %v", at.Name)
	}
}

// TestOwnImages checks the images of the user's own in the nodes, and their places in the file.
func TestOwnImages(t *testing.T) {
	const file = "../scenario/testdata/valid-own-images.yaml"
	p, err := plan.Make(load(t, file), "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, i := range p.Cluster.Image.Preload {
		if i.Reference {
			seen[i.Name] = i.At
		}
	}
	want := map[string]string{
		"my-controller:1.2": file + ":12", "127.0.0.1:5000/team/agent:2026-11": file + ":12", "team/web:3": file + ":13", "last:1": file + ":15",
	}
	if !maps.Equal(seen, want) {
		t.Errorf("seen %v, want %v", seen, want)
	}
}

func TestWhereALineOfANativeTextStands(t *testing.T) {
	inline := plan.Snippet{Of: "spec.routers[0].config", Origin: scenario.Origin{File: "lab.yaml", Line: 20}}
	recorded := plan.Snippet{Of: "r1.conf"}
	for _, tt := range []struct {
		s    plan.Snippet
		line int
		want string
	}{{inline, 3, "lab.yaml:22"}, {inline, 0, "lab.yaml:20"}, {recorded, 3, "r1.conf, line 3"}, {recorded, 0, "r1.conf"}} {
		if got := tt.s.Where(tt.line); got != tt.want {
			t.Errorf("line %d of %s: seen %q, wanted %q", tt.line, tt.s.Of, got, tt.want)
		}
	}
}
