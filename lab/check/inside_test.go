package check

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
)

func TestJudgeWire(t *testing.T) {
	pairs := []pair{{ip("10.244.1.5"), ip("10.244.2.6")}}
	answered := slices.Repeat([]record.Shot{{Target: "10.244.2.6:8080"}}, inARow)
	tests := []struct {
		name  string
		want  Encapsulation
		seen  onWire
		shots []record.Shot
		held  bool
	}{
		{"plain, as wanted", EncapsulationNone, onWire{"none": 64}, answered, true},
		{"in a tunnel, as wanted", EncapsulationVXLAN, onWire{"vxlan": 64}, answered, true},
		{"in a tunnel, not wanted", EncapsulationNone, onWire{"vxlan": 64}, answered, false},
		{"partly in a tunnel", EncapsulationNone, onWire{"none": 63, "vxlan": 1}, answered, false},
		{"another tunnel", EncapsulationVXLAN, onWire{"geneve": 64}, answered, false},
		{"nothing seen: nothing is known", EncapsulationNone, onWire{}, answered, false},
		{"not answered", EncapsulationNone, onWire{"none": 1}, answered[:1], false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if held, observed := judgeWire(tt.want, pairs, []onWire{tt.seen}, tt.shots); held != tt.held {
				t.Errorf("held %v, wanted %v: %s", held, tt.held, observed)
			}
		})
	}
	if held, _ := judgeWire(EncapsulationNone, nil, nil, nil); held {
		t.Error("no pair at all was taken for a promise that holds")
	}
}

func TestPairsAreOfOneFamily(t *testing.T) {
	e := probe.Endpoints{Workload: "echo", Pods: []probe.Pod{
		{Name: "a", Node: "worker", IPs: []netip.Addr{ip("10.244.1.5"), ip("fd00::1:5")}},
		{Name: "b", Node: "worker2", IPs: []netip.Addr{ip("10.244.2.6"), ip("fd00::2:6")}},
	}}
	pairs, problem := pairsOf(e, "worker", "worker2")
	if problem != "" || len(pairs) != 2 || pairs[1] != (pair{ip("fd00::1:5"), ip("fd00::2:6")}) {
		t.Errorf("got %v, %s", pairs, problem)
	}
	if _, problem := pairsOf(e, "worker", "worker3"); !strings.Contains(problem, "worker3") {
		t.Errorf("got %q, wanted it to name the node without a pod", problem)
	}
}

func TestJudgeNodeRoutes(t *testing.T) {
	f := newFake()
	p := &plan.Plan{Networks: []plan.Network{{Name: "fabric", Subnet: netip.MustParsePrefix("172.30.0.0/24")}, {Name: "rack2", Subnet: netip.MustParsePrefix("172.30.1.0/24")}},
		Routers: []plan.Router{{Name: "t1", Networks: []plan.Attachment{{Network: "fabric", Address: ip("172.30.0.11")}}}, {Name: "t2", Networks: []plan.Attachment{{Network: "rack2", Address: ip("172.30.1.12")}}}}}
	by := func(prefix, hop string) bgp.Route {
		return bgp.Route{Prefix: netip.MustParsePrefix(prefix), NextHops: []bgp.NextHop{{Address: ip(hop)}}}
	}
	direct := map[string][]bgp.Route{"worker": {by("10.244.2.0/24", "172.30.0.4")}, "worker2": {by("10.244.1.0/24", "172.30.0.3")}}
	if held, observed, rows := judgeNodeRoutes(p, f.nodes, direct); !held || len(rows) != 2 {
		t.Errorf("direct routes: %v, %s", held, observed)
	}
	covered := map[string][]bgp.Route{"worker": {by("10.244.0.0/16", "172.30.0.4")}, "worker2": {by("10.244.1.0/24", "172.30.0.3")}}
	if held, observed, _ := judgeNodeRoutes(p, f.nodes, covered); held || !strings.Contains(observed, "worker: 10.244.2.0/24 of worker2: no route") {
		t.Errorf("a wider route between neighbours: %v, %s", held, observed)
	}
	f.nodes[1].Addresses = []netip.Addr{ip("172.30.1.4")}
	racks := map[string][]bgp.Route{"worker": {by("0.0.0.0/0", "172.30.0.11")}, "worker2": {by("0.0.0.0/0", "172.30.1.12")}}
	if held, observed, _ := judgeNodeRoutes(p, f.nodes, racks); !held || !strings.Contains(observed, "2 by a router") {
		t.Errorf("two racks: %v, %s", held, observed)
	}
	racks["worker"] = []bgp.Route{by("0.0.0.0/0", "172.30.0.1")}
	if held, observed, _ := judgeNodeRoutes(p, f.nodes, racks); held {
		t.Errorf("by the host and not by the rack's router: %s", observed)
	}
}

func TestJudgeLists(t *testing.T) {
	f := newFake()
	w := plan.Workload{Name: "echo", Replicas: 2}
	entry := func(front string, port uint16, backends ...string) addon.Service {
		s := addon.Service{Front: netip.AddrPortFrom(ip(front), port), Proto: "tcp"}
		for _, b := range backends {
			s.Active = append(s.Active, netip.AddrPortFrom(ip(b), 8080))
		}
		return s
	}
	whole := []addon.Service{entry("10.96.0.9", 80, "10.244.1.5", "10.244.2.6"), entry("203.0.113.50", 80, "10.244.2.6", "10.244.1.5"), entry("198.51.100.1", 80, "10.244.1.5", "10.244.2.6")}
	if held, observed := judgeLists(w, f.endpoints, []agentList{{node: "worker", services: whole}}); !held || !strings.Contains(observed, "3 of 3") {
		t.Errorf("all is there: %v, %s", held, observed)
	}
	for name, list := range map[string]agentList{
		"a backend is missing": {node: "worker", services: append(slices.Clone(whole[1:]), entry("10.96.0.9", 80, "10.244.1.5"))},
		"a frontend is":        {node: "worker", services: whole[1:]},
		"the agent is silent":  {node: "worker", err: errors.New("gone")},
	} {
		if held, observed := judgeLists(w, f.endpoints, []agentList{{node: "other", services: whole}, list}); held || !strings.Contains(observed, "worker") {
			t.Errorf("%s: %v, %s", name, held, observed)
		}
	}
}
