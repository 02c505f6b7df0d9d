package plan_test

import (
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

var update = flag.Bool("update", false, "write the golden files anew")

func load(t *testing.T, file string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Load(file, lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	defaultFile = "../../scenarios/cilium-bgp-vrrp/scenario.yaml"
	k3sFile     = "../../scenarios/k3s-cilium-l2/scenario.yaml"
	routersFile = "../scenario/testdata/valid-routers-only.yaml"
	dualFile    = "../../scenarios/cilium-dual-stack/scenario.yaml"
	ipv6File    = "../../scenarios/cilium-ipv6/scenario.yaml"
	oneWayFile  = "../scenario/testdata/valid-router-as-gateway.yaml"
)

// prefixes parses prefixes for a test.
func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(all))
	for _, p := range all {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// TestGoldens compares some whole plans, as JSON and as the text of --dry-run.
func TestGoldens(t *testing.T) {
	for _, c := range []struct {
		name, file, lab string
		host            plan.Host
	}{
		{"default", defaultFile, "cilium-bgp-vrrp", plan.Host{}},
		{"default-restricted-host", defaultFile, "second", plan.Host{
			Taken:         prefixes("0.0.0.0/0", "172.17.0.0/16", "172.30.0.0/23"),
			CgroupV1:      true,
			NoSysResource: true,
		}},
		{"topology", "../scenario/testdata/valid-topology.yaml", "lab", plan.Host{}},
		{"vlan", "../scenario/testdata/valid-vlan.yaml", "lab", plan.Host{}},
		{"bond", "../../scenarios/bond/scenario.yaml", "bond", plan.Host{}},
		{"ospf", "../scenario/testdata/valid-ospf.yaml", "lab", plan.Host{}},
		{"routers-only", routersFile, "lab", plan.Host{}},
		{"router-as-gateway", oneWayFile, "one", plan.Host{}},
		{"metallb", "../scenario/testdata/valid-metallb.yaml", "lab", plan.Host{}},
		{"metallb-frr-k8s", "../scenario/testdata/valid-metallb-frr-k8s.yaml", "lab", plan.Host{}},
		{"kube-router", "../scenario/testdata/valid-kube-router.yaml", "lab", plan.Host{}},
		{"cilium-kube-router-purelb", "../scenario/testdata/valid-cilium-kube-router-purelb.yaml", "lab", plan.Host{}},
		{"kube-vip", "../scenario/testdata/valid-kube-vip.yaml", "lab", plan.Host{}},
		{"cilium-bird", "../../scenarios/cilium-bird/scenario.yaml", "lab", plan.Host{}},
		{"cilium-two-racks", "../../scenarios/cilium-two-racks/scenario.yaml", "lab", plan.Host{}},
		{"calico", "../scenario/testdata/valid-calico.yaml", "lab", plan.Host{}},
		{"k3s", k3sFile, "k3s", plan.Host{CgroupV1: true, NoSysResource: true}},
		{"dual-stack", dualFile, "two-families", plan.Host{Taken: prefixes("fd73:6b69:6400:1::/64")}},
		{"ipv6", ipv6File, "one-family", plan.Host{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := plan.Make(load(t, c.file), c.lab, c.host)
			if err != nil {
				t.Fatal(err)
			}
			data, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+c.name+".json.golden", string(data)+"\n")
			golden(t, "testdata/"+c.name+".txt.golden", p.Text())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: the plan is another; run `go test ./lab/plan -update` and look at the difference", file)
	}
}

func TestPlanIsPureAndSurvivesJSON(t *testing.T) {
	s := load(t, oneWayFile)
	before, _ := json.Marshal(s)
	first, err := plan.Make(s, "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	first.Addon("cilium").Chart.Values["bpf"].(map[string]any)["masquerade"] = "changed"
	second, err := plan.Make(s, "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := json.Marshal(s); string(before) != string(after) {
		t.Error("Make changed the scenario")
	}
	if second.Hash != first.Hash {
		t.Errorf("hash: seen %s and %s of the same input", first.Hash, second.Hash)
	}
	data, err := json.Marshal(second)
	if err != nil {
		t.Fatal(err)
	}
	var back plan.Plan
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(&back); string(again) != string(data) {
		t.Error("a plan that was stored and read again is another")
	}
	if got, err := plan.HashOf(&back); err != nil || got != second.Hash {
		t.Errorf("hash of the stored plan: seen %s, %v, want %s", got, err, second.Hash)
	}
	if other, _ := plan.Make(s, "other", plan.Host{}); other.Hash == second.Hash {
		t.Error("two labs' plans have one hash")
	}
}

func TestValuesOfTheScenarioGoOnTop(t *testing.T) {
	p, err := plan.Make(load(t, oneWayFile), "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want any
		path []string
	}{
		{false, []string{"bpf", "masquerade"}},
		{true, []string{"bpf", "lbExternalClusterIP"}},
		{true, []string{"hubble", "enabled"}},
		{1, []string{"operator", "replicas"}},
		{1400, []string{"mtu"}},
		{"skidpad-lab-control-plane", []string{"k8sServiceHost"}},
	} {
		var at any = p.Addon("cilium").Chart.Values
		for _, key := range c.path {
			at = at.(map[string]any)[key]
		}
		if !reflect.DeepEqual(at, c.want) {
			t.Errorf("%s: seen %v, want %v", strings.Join(c.path, "."), at, c.want)
		}
	}
}

func TestSubnetErrors(t *testing.T) {
	for _, c := range []struct {
		name, file string
		taken      []netip.Prefix
		want       string
	}{
		{"given and taken", routersFile, prefixes("192.0.2.128/25"), "network left: seen 192.0.2.0/24, which overlaps 192.0.2.128/25"},
		{"all taken", defaultFile, prefixes("172.16.0.0/12"), "network fabric: seen no free /24 in 172.30.0.0/16 or 172.29.0.0/16"},
		{"only one free", defaultFile, append(prefixes("172.30.0.0/16", "172.29.0.0/17", "172.29.128.0/18", "172.29.192.0/19", "172.29.224.0/20",
			"172.29.240.0/21", "172.29.248.0/22", "172.29.252.0/23"), prefixes("172.29.254.0/24")...), "network edge: seen no free /24"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := plan.Make(load(t, c.file), "lab", plan.Host{Taken: c.taken})
			var subnet *plan.SubnetError
			if !errors.As(err, &subnet) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("seen %v, want %s…", err, c.want)
			}
		})
	}
}

func TestLabNames(t *testing.T) {
	s := load(t, routersFile)
	for name, ok := range map[string]bool{
		"a": true, "lab-1": true, "thirty-letters-long-name-abcde": true,
		"": false, "-a": false, "a-": false, "A": false, "a_b": false, "a.b": false, "thirty-one-letters-long-name-ab": false,
	} {
		_, err := plan.Make(s, name, plan.Host{})
		var bad *plan.LabNameError
		if ok != (err == nil) || !ok && !errors.As(err, &bad) {
			t.Errorf("%q: seen %v, want ok %v", name, err, ok)
		}
	}
}

// TestNamesFit checks that the longest names stay within the limits of hosts and engines.
func TestNamesFit(t *testing.T) {
	s := load(t, defaultFile)
	workers := 32
	s.Spec.Cluster.Workers = &workers
	p, err := plan.Make(s, strings.Repeat("l", plan.MaxLab), plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range p.Cluster.Nodes {
		if len(n.Name) > 63 {
			t.Errorf("node %s: seen a name of %d characters, want at most 63", n.Name, len(n.Name))
		}
	}
	for _, n := range p.Networks {
		if len(n.Bridge) > 15 {
			t.Errorf("bridge %s: seen a name of %d characters, want at most 15", n.Bridge, len(n.Bridge))
		}
	}
}

// TestStepsComeAfterEarlierOnes checks that the steps' order has no gap and no circle.
func TestStepsComeAfterEarlierOnes(t *testing.T) {
	for _, file := range []string{defaultFile, routersFile, oneWayFile} {
		p, err := plan.Make(load(t, file), "lab", plan.Host{})
		if err != nil {
			t.Fatal(err)
		}
		earlier := map[string]bool{}
		for _, s := range p.Steps {
			for _, before := range s.After {
				if !earlier[before] {
					t.Errorf("%s: step %s comes after %s, which is not an earlier step", file, s.Name, before)
				}
			}
			if earlier[s.Name] || s.What == "" {
				t.Errorf("%s: step %s is there twice or says nothing", file, s.Name)
			}
			earlier[s.Name] = true
		}
	}
}
