package check

import (
	"net/netip"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/addon/bird"
	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestJudgeEntry(t *testing.T) {
	f := newFake()
	f.endpoints.Pods = f.endpoints.Pods[:1] // echo-a on worker
	nodes := []string{"worker", "worker2"}
	a, b := capture.Connection{To: ip("10.244.1.5"), From: 40001}, capture.Connection{To: ip("10.244.1.5"), From: 40002}
	shots := []record.Shot{{Target: "10.244.1.5:8080", Local: "172.30.3.201:40001"}, {Target: "10.244.1.5:8080", Local: "172.30.3.201:40002"}}
	here := func(all ...capture.Connection) map[capture.Connection]bool {
		seen := map[capture.Connection]bool{}
		for _, c := range all {
			seen[c] = true
		}
		return seen
	}
	for _, c := range []struct {
		name     string
		seen     sightings
		shots    []record.Shot
		own, all bool
		tells    string
	}{
		{"at the pod's node alone", sightings{"worker": here(a, b)}, shots, true, false, "echo-a on worker: of 32 connections entered at worker 2"},
		{"one at each", sightings{"worker": here(a, b), "worker2": here(b)}, shots, false, true, "worker 1, worker2 1"},
		{"both at the other", sightings{"worker": here(a, b), "worker2": here(a, b)}, shots, false, false, "worker2 2"},
		{"seen nowhere", sightings{}, shots, false, false, ""},
		{"one is not answered", sightings{"worker": here(a, b), "worker2": here(b)}, append([]record.Shot{{Target: "10.244.1.5:8080", Error: "timeout"}}, shots...), false, false, "1 were not answered"},
		{"nothing was sent", sightings{"worker": here(a, b)}, nil, false, false, ""},
	} {
		for at, want := range map[string]bool{EntryOwn: c.own, EntryAll: c.all} {
			if held, observed := judgeEntry(at, nodes, f.endpoints, c.seen, c.shots); held != want || !strings.Contains(observed, c.tells) {
				t.Errorf("%s, %s: %v, wanted %v: %s", c.name, at, held, want, observed)
			}
		}
	}
}

// With BIRD on the nodes there is a single route for all pods, over many nodes, in place of a route for each node.
func TestRoutesToTheWholePodCIDR(t *testing.T) {
	f := newFake()
	p := arenaPlan()
	if whole(p) != nil {
		t.Errorf("without BIRD on the nodes: %v", whole(p))
	}
	p.Scenario.Spec.Addons = []scenario.Addon{{Entry: scenario.Entry{Name: "bird", Fields: &bird.Addon{}}}}
	v4, v6 := netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56")
	for family, want := range map[scenario.IPFamily][]netip.Prefix{scenario.IPv4Family: {v4}, scenario.IPv6Family: {v6}, scenario.DualFamily: {v4, v6}} {
		p.Scenario.Spec.Cluster = &scenario.Cluster{IPFamily: family, PodCIDR: v4, PodCIDR6: v6}
		wanted, missing := wantedRoutes(scenario.TargetPod, f.endpoints, f.nodes, 2, whole(p))
		if len(wanted) != len(want) || len(missing) != 0 {
			t.Errorf("%s: wanted %+v, missing %v", family, wanted, missing)
			continue
		}
		for i, w := range wanted {
			if w.prefix != want[i] || w.least != 2 || len(w.via) != 2 {
				t.Errorf("%s: wanted %+v", family, w)
			}
		}
	}
}
