package plan_test

import (
	"net/netip"
	"slices"
	"testing"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

func placesOf(t *testing.T, file string) plan.Places {
	t.Helper()
	p, err := plan.Make(load(t, file), "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	return p.Places()
}

func TestEveryContainerIsAPlaceOnce(t *testing.T) {
	for file, want := range map[string][]string{
		defaultFile: {"control-plane", "worker", "worker2", "r1", "r2", "r1-gw", "r2-gw", "client"},
		"../../scenarios/k3s-cilium-l2/scenario.yaml": {"control-plane", "control-plane2", "worker", "etcd", "client"},
	} {
		if got := placesOf(t, file).Names(); !slices.Equal(got, want) {
			t.Errorf("%s: seen %q, want %q", file, got, want)
		}
	}
}

func TestPlacesAreFoundByNameAndContainer(t *testing.T) {
	all := placesOf(t, defaultFile)
	for _, x := range all {
		for _, name := range []string{x.Name, x.Container} {
			if got, ok := all.Find(name); !ok || got.Container != x.Container {
				t.Errorf("%s: seen %q, %t; want %q", name, got.Container, ok, x.Container)
			}
		}
	}
	if got, ok := all.Find("r3"); ok {
		t.Errorf("r3 is not in the lab: seen %+v", got)
	}
}

func TestPlacesAreFoundByAddress(t *testing.T) {
	for _, file := range []string{defaultFile, "../../scenarios/k3s-cilium-l2/scenario.yaml", "../../scenarios/cilium-dual-stack/scenario.yaml"} {
		looked := 0
		all := placesOf(t, file)
		for _, x := range all {
			for _, at := range x.Networks {
				for _, a := range at.Addresses() {
					got, ok := all.At(a)
					if want := x.Home; ok != a.IsValid() || ok && got.Container != want {
						t.Errorf("%s: %s of %s: seen %q, %t; want %q", file, a, x.Name, got.Container, ok, want)
					}
					if ok {
						looked++
					}
				}
			}
		}
		if looked == 0 {
			t.Errorf("lab bug: %s has no planned address, so this test proves nothing", file)
		}
		if got, ok := all.At(netip.MustParseAddr("203.0.113.77")); ok {
			t.Errorf("%s: an address of nobody: seen %+v", file, got)
		}
	}
}

func TestPlacesOfAKindAndInANamespace(t *testing.T) {
	all := placesOf(t, defaultFile)
	if got := all.Of(node.KindRouter, node.KindClient).Names(); !slices.Equal(got, []string{"r1", "r2", "client"}) {
		t.Errorf("routers and clients: seen %q", got)
	}
	r1, _ := all.Find("r1")
	if r1.Router == nil || r1.Router.Name != "r1" {
		t.Errorf("r1: seen router %+v", r1.Router)
	}
	riders := all.Riders(r1.Container)
	if got := riders.Names(); !slices.Equal(got, []string{"r1-gw"}) {
		t.Fatalf("in the namespace of r1: seen %q, want r1-gw", got)
	}
	if g := riders[0]; g.Gateway == nil || g.Gateway.Name != "gw" || !slices.Equal(g.NetworkNames(), r1.NetworkNames()) {
		t.Errorf("r1-gw: seen gateway %+v on %q, want gw on %q", g.Gateway, g.NetworkNames(), r1.NetworkNames())
	}
	for _, name := range []string{"worker", "r1-gw", "client"} {
		if x, _ := all.Find(name); len(all.Riders(x.Container)) > 0 {
			t.Errorf("%s: no place lives in its namespace", name)
		}
	}
}

func TestRoutersAwaitLinksToRoutersAlone(t *testing.T) {
	for _, c := range []struct {
		file, router string
		want         []string
	}{
		{"../../tools/skidpad/starts/two-racks.yaml", "s1", []string{"up11", "up21"}},
		{"../../scenarios/two-uplinks/scenario.yaml", "r1", []string{"up1"}}, {"../../scenarios/two-uplinks/cilium.yaml", "r1", nil}, // to a router; to a node of the cluster
		{"../../scenarios/vlan/scenario.yaml", "r1", []string{"core", "red", "blue", "transit"}},
		{"../scenario/testdata/valid-vlan.yaml", "r1", []string{"storage"}}, // over is on a link to a node
		{defaultFile, "r1", nil},
	} {
		p, err := plan.Make(load(t, c.file), "lab", plan.Host{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.EarlyLinks(c.router); !slices.Equal(got, c.want) {
			t.Errorf("%s: %s awaits %q, want %q", c.file, c.router, got, c.want)
		}
	}
}
