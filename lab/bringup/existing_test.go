package bringup_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/bringup"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const beside = `
apiVersion: skidpad.dev/v1alpha1
kind: Scenario
metadata: {name: beside}
spec:
  networks: [{name: nodes}, {name: outside}]
  cluster: {provider: existing, kind: mine}
  routers: [{name: r1, networks: [nodes, outside], bgp: {asn: 64513, peers: [{nodes: all}]}}]
  clients: [{name: client, network: outside, router: r1}]
  workloads: [{echo: {}}]
`

func found() *plan.Found {
	bgp := &cilium.BGP{ASN: 64512, Peers: []scenario.NodePeer{{Router: "r1", ASN: 64513}}, HoldTime: scenario.DefaultHoldTime}
	return &plan.Found{
		Name: "mine",
		Facts: scenario.Facts{
			Kubernetes: "v1.36.3", ControlPlanes: 1, Workers: 1, KubeProxy: scenario.KubeProxyNone, IPFamily: scenario.IPv4Family,
			PodCIDR: netip.MustParsePrefix("10.244.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.96.0.0/16"),
			Addons: []scenario.Addon{{Entry: scenario.Entry{Name: "cilium", Fields: &cilium.Addon{Version: "1.19.5", BGP: bgp}}}},
		},
		Nodes:    []plan.FoundNode{{Name: "mine-control-plane", ControlPlane: true}, {Name: "mine-worker"}},
		Network:  &plan.FoundNetwork{Docker: "kind", Bridge: "br-1", Subnet: netip.MustParsePrefix("172.18.0.0/16")},
		Programs: []string{"cilium 1.19.5"},
	}
}

// TestASecondUpReadsTheFactsOfTheRecord covers facts without values, such as a cluster without pools: no default may
// replace these facts.
func TestASecondUpReadsTheFactsOfTheRecord(t *testing.T) {
	s, err := scenario.Parse("beside.yaml", []byte(beside), lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	f := found()
	first, err := s.On(f.Facts)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var again plan.Found
	if err := json.Unmarshal(raw, &again); err != nil {
		t.Fatal(err)
	}
	if err := again.Facts.Bind(lab.Kinds()); err != nil {
		t.Fatal(err)
	}
	o, err := bringup.Settle(t.Context(), nil, bringup.Options{Name: "t", Scenario: s}, &again)
	if err != nil {
		t.Fatal(err)
	}
	if err := bringup.Same(&plan.Plan{Lab: "t", Scenario: first}, o.Scenario); err != nil {
		t.Error(err)
	}
	if asn := o.Scenario.Spec.Routers[0].BGP.Peers[0].ASN; asn != 64512 {
		t.Errorf("ASN of the nodes: seen %d, want the learned 64512", asn)
	}
}

func TestALabOnARunningClusterIsRecordedBeforeAnyChange(t *testing.T) {
	s, err := scenario.Parse("beside.yaml", []byte(beside), lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	f := found()
	if s, err = s.On(f.Facts); err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "t", plan.Host{Found: f})
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]image.Resolved{}
	for _, i := range p.Images {
		images[i.Key()] = image.Resolved{Ref: "example/" + i.Name + ":v1"}
	}
	e := &engine{}
	if err := build(t, e, live.New(nil, p, images, nil), func() {}); err != nil {
		t.Fatal(err)
	}
	if e.calls[0] != "record" || e.calls[1] != "network outside" {
		t.Errorf("first calls: %q, want the record, then the lab's own network", e.calls[:2])
	}
	for _, call := range e.calls {
		if call == "network nodes" || strings.HasPrefix(call, "raise") || strings.HasPrefix(call, "install cilium") {
			t.Errorf("seen %q: the cluster and its network stay as they are", call)
		}
	}
	if !slices.Contains(e.calls, "install workload echo") || !slices.Contains(e.calls, "prober program mine-worker") {
		t.Errorf("calls %q, want the workload and the prober", e.calls)
	}
	back, err := bringup.Decode(e.labels[0]["dev.skidpad.plan"], lab.Kinds())
	if err != nil || back.Plan.Found.Name != "mine" || back.Plan.Found.Facts.Addons[0].Fields == nil {
		t.Errorf("the record: %+v, %v", back.Plan.Found, err)
	}
}
