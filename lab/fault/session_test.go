package fault

import (
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// The two ends of a session offer different times: r1 is the router that notices, r2 or the nodes are silent.
func TestBoundsOfTheNegotiatedTimes(t *testing.T) {
	for name, tt := range map[string]struct {
		spec, silent string
		min, max     time.Duration
	}{
		"the far hold time is smaller": {`
  routers:
    - {name: r1, networks: [fabric], bgp: {asn: 64513, holdTime: 9s, peers: [{router: r2}]}}
    - {name: r2, networks: [fabric], bgp: {asn: 64514, holdTime: 3s, peers: [{router: r1}]}}
`, "r2", 2 * time.Second, 3 * time.Second},
		"the near hold time is smaller, so the far keepalives are a third of it": {`
  routers:
    - {name: r1, networks: [fabric], bgp: {asn: 64513, holdTime: 6s, peers: [{router: r2}]}}
    - {name: r2, networks: [fabric], bgp: {asn: 64514, holdTime: 90s, peers: [{router: r1}]}}
`, "r2", 4 * time.Second, 6 * time.Second},
		"the far end sends keepalives more often": {`
  routers:
    - {name: r1, networks: [fabric], bgp: {asn: 64513, holdTime: 9s, peers: [{router: r2}]}}
    - {name: r2, networks: [fabric], bgp: {asn: 64514, peers: [{router: r1, timers: {holdTime: 9s, keepalive: 1s}}]}}
`, "r2", 8 * time.Second, 9 * time.Second},
		"the far BFD sends more slowly, with a larger multiplier": {`
  routers:
    - {name: r1, networks: [fabric], bgp: {asn: 64513, peers: [{router: r2, bfd: {interval: 100ms, multiplier: 3}}]}}
    - {name: r2, networks: [fabric], bgp: {asn: 64514, peers: [{router: r1, bfd: {interval: 300ms, multiplier: 5}}]}}
`, "r2", 1200 * time.Millisecond, 1500 * time.Millisecond},
		"the nodes' hold time is smaller": {`
  cluster: {workers: 1}
  routers:
    - {name: r1, networks: [fabric], bgp: {asn: 64513, holdTime: 9s, peers: [{nodes: all}]}}
  addons: [{cilium: {bgp: {asn: 64512, holdTime: 3s, peers: [r1]}}}]
  workloads: [{echo: {service: {externalTrafficPolicy: Local}}}]
`, "worker", 2 * time.Second, 3 * time.Second},
		"a node's session has timers of its own": {`
  cluster: {workers: 1}
  routers:
    - {name: r1, networks: [fabric], bgp: {asn: 64513, holdTime: 9s, peers: [{nodes: all}]}}
  addons: [{cilium: {bgp: {asn: 64512, peers: [{router: r1, timers: {holdTime: 6s, keepalive: 1s}}]}}}]
  workloads: [{echo: {service: {externalTrafficPolicy: Local}}}]
`, "worker", 5 * time.Second, 6 * time.Second},
	} {
		s, err := scenario.Parse("ends.yaml", []byte("apiVersion: skidpad.dev/v1alpha1\nkind: Scenario\nmetadata: {name: ends}\nspec:\n  networks: [{name: fabric}]"+tt.spec), kinds)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p, err := plan.Make(s, "lab1", plan.Host{})
		if err != nil {
			t.Fatal(name, err)
		}
		b := BoundOf(scenario.FaultOf(&Kill{Node: tt.silent}), Case{Plan: p})
		if b == nil || b.Min != tt.min || b.Max != tt.max {
			t.Errorf("%s: seen %+v, want %s to %s", name, b, tt.min, tt.max)
		}
	}
}
