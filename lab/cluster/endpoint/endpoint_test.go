package endpoint

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func planned(b scenario.Balancer) plan.APIEndpoint {
	return plan.APIEndpoint{
		Address: netip.MustParseAddr("172.30.0.62"), Bits: 24, Port: 8443, Balancer: b, VRID: 80,
		AdvertInterval: 100 * time.Millisecond, CheckInterval: time.Second, Fall: 3, Rise: 2, ConnectTimeout: 200 * time.Millisecond,
		Guards: []plan.EndpointGuard{{Node: "control-plane", Priority: 200}, {Node: "control-plane2", Priority: 190}, {Node: "control-plane3", Priority: 180}},
	}
}

var addresses = map[string]netip.Addr{
	"control-plane": netip.MustParseAddr("172.30.0.64"), "control-plane2": netip.MustParseAddr("172.30.0.66"), "control-plane3": netip.MustParseAddr("172.30.0.65"),
}

func TestRender(t *testing.T) {
	for _, balancer := range []scenario.Balancer{scenario.HAProxy, scenario.Nginx} {
		e := planned(balancer)
		servers, err := Servers(e, addresses)
		if err != nil {
			t.Fatal(err)
		}
		files, err := Render(e, "control-plane2", "skidpad.local/balancer:1-abc", servers)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, f := range files {
			b.WriteString("==> " + f.Path + " " + f.Mode + "\n" + f.Text)
			if strings.HasSuffix(f.Path, ".yaml") {
				if err := yaml.UnmarshalStrict([]byte(f.Text), &map[string]any{}); err != nil {
					t.Errorf("%s: %v", f.Path, err)
				}
			}
		}
		path := filepath.Join("testdata", string(balancer)+".txt")
		if *update {
			if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || b.String() != string(want) {
			t.Errorf("differs from %s (%v); update the file with -update; seen:\n%s", path, err, b.String())
		}
	}
}

func TestServersNeedAddresses(t *testing.T) {
	_, err := Servers(planned(scenario.HAProxy), map[string]netip.Addr{"control-plane": addresses["control-plane"]})
	if err == nil || !strings.Contains(err.Error(), "control-plane2") {
		t.Errorf("seen %v, wanted an error that names control-plane2", err)
	}
}

// A node with a failed check must have a lower priority than all nodes without.
func TestWeight(t *testing.T) {
	e := planned(scenario.HAProxy)
	if w := weight(e.Guards); e.Guards[0].Priority-w >= e.Guards[2].Priority {
		t.Errorf("weight %d leaves the first at %d, the last has %d", w, e.Guards[0].Priority-w, e.Guards[2].Priority)
	}
	if w := weight(e.Guards[:1]); w != 1 {
		t.Errorf("of one guard: seen %d, wanted 1", w)
	}
}
