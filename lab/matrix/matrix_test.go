package matrix

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestCellsAreManyAndNoneIsThereTwice(t *testing.T) {
	texts := map[string]bool{}
	for _, c := range Cells() {
		if texts[c.String()] {
			t.Errorf("two cells say %q", c)
		}
		texts[c.String()] = true
	}
	if len(texts) < 1000 {
		t.Errorf("%d cells, want at least 1000", len(texts))
	}
}

// TestTrafficPolicies is the table of Cilium's documentation ("Kubernetes without kube-proxy"): the backends for each
// kind of traffic, for senders and entry nodes without a backend.
func TestTrafficPolicies(t *testing.T) {
	for _, row := range []struct {
		internal, external   Policy
		northSouth, eastWest bool // answered if the node has no backend
	}{
		{Cluster, Cluster, true, true},
		{Cluster, Local, false, true},
		{Local, Cluster, true, false},
		{Local, Local, false, false},
	} {
		for _, mode := range []Mode{DSR, SNAT} {
			c := Cell{To: scenario.TargetNodePort, From: Beyond, External: row.external, Internal: row.internal, Mode: mode, Announce: BGP, Entry: AtOther, Proto: record.HTTP}
			if got := c.Expected().Failure == ""; got != row.northSouth {
				t.Errorf("%s: answered %v, want %v", c, got, row.northSouth)
			}
			c.To, c.From, c.Entry = scenario.TargetLoadBalancer, PodWithout, ""
			if got := c.Expected().Failure == ""; got != row.eastWest {
				t.Errorf("%s: answered %v, want %v", c, got, row.eastWest)
			}
		}
	}
}

func TestSources(t *testing.T) {
	base := Cell{To: scenario.TargetLoadBalancer, From: Beyond, External: Cluster, Internal: Cluster, Mode: SNAT, Announce: BGP, Proto: record.UDP}
	for _, tt := range []struct {
		name   string
		change func(*Cell)
		want   Outcome
	}{
		{"SNAT by any node", func(*Cell) {}, Outcome{Source: OwnOrNode}},
		{"DSR", func(c *Cell) { c.Mode = DSR }, Outcome{Source: Own}},
		{"eTP Local is announced by the pod's node", func(c *Cell) { c.External = Local }, Outcome{Source: Own}},
		{"the announcer of L2 is not the pod's node", func(c *Cell) { c.From, c.Announce = Near, L2 }, Outcome{Source: Asked}},
		{"L2 ends at the router", func(c *Cell) { c.Announce, c.Proto = L2, record.HTTP }, Outcome{Failure: Unreachable}},
		{"L2 ends at the router, invisible to a UDP socket", func(c *Cell) { c.Announce = L2 }, Outcome{Failure: Unanswered}},
		{"a ClusterIP with iTP Local is announced by the pod's node", func(c *Cell) { c.To, c.Internal = scenario.TargetClusterIP, Local }, Outcome{Source: Own}},
		{"a pod's own address knows no policy", func(c *Cell) { c.To = scenario.TargetPod }, Outcome{Source: Own}},
		{"an ExternalIP is left to the network within the cluster", func(c *Cell) { c.To, c.From = scenario.TargetExternalIP, PodWith }, Outcome{Failure: Unanswered}},
		{"a pod's kernel chooses the pod itself", func(c *Cell) { c.From = PodWithout }, Outcome{Source: Own}},
	} {
		c := base
		tt.change(&c)
		if got := c.Expected(); got.Source != tt.want.Source || got.Failure != tt.want.Failure {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestJudge(t *testing.T) {
	p := Place{Pod: "target-1", PodNode: "w1", Asked: "w2", Nodes: map[string][]netip.Addr{
		"w1": {netip.MustParseAddr("172.30.0.65")}, "w2": {netip.MustParseAddr("172.30.0.66")}, "w3": {netip.MustParseAddr("172.30.0.67")}}}
	answered := func(by, client string) record.Shot {
		return record.Shot{Local: "192.0.2.1:1000", Answer: &record.Answer{Pod: by, Client: client + ":1000"}}
	}
	own, w1, w2, w3 := answered("target-1", "192.0.2.1"), answered("target-1", "172.30.0.65"), answered("target-1", "172.30.0.66"), answered("target-1", "172.30.0.67")
	refused, late := record.Shot{Error: "connection refused"}, record.Shot{Error: "timeout"}
	for _, tt := range []struct {
		name  string
		o     Outcome
		shots []record.Shot
		seen  string
		held  bool
	}{
		{"own as wanted", Outcome{Source: Own}, []record.Shot{own, own}, "own", true},
		{"translated once", Outcome{Source: Own}, []record.Shot{own, w2}, "own+node w2", false},
		{"by the entry node", Outcome{Source: Asked}, []record.Shot{w2}, "node w2", true},
		{"by another", Outcome{Source: Asked}, []record.Shot{w3}, "node w3", false},
		{"by either", Outcome{Source: OwnOrNode}, []record.Shot{own, w3, w2}, "own+node w3+node w2", true},
		{"the pod's own node has nothing to translate", Outcome{Source: OwnOrNode}, []record.Shot{w1}, "node w1", false},
		{"another pod", Outcome{Source: Own}, []record.Shot{answered("else", "192.0.2.1")}, "own", false},
		{"a stranger's address", Outcome{Source: OwnOrNode}, []record.Shot{answered("target-1", "10.0.0.1")}, "10.0.0.1", false},
		{"refused as wanted", Outcome{Failure: Refused}, []record.Shot{refused}, "refused", true},
		{"refused, not unreachable", Outcome{Failure: Unreachable}, []record.Shot{refused}, "connection refused", false},
		{"silence is no refusal", Outcome{Failure: Refused}, []record.Shot{late}, "timeout", false},
		{"silence is no answer", Outcome{Failure: Unanswered}, []record.Shot{late}, "unanswered", true},
		{"answered, to be refused", Outcome{Failure: Refused}, []record.Shot{own}, "own", false},
		{"failed, to be answered", Outcome{Source: Own}, []record.Shot{own, late}, "own+timeout", false},
		{"nothing was tried", Outcome{Failure: Refused}, nil, "nothing", false},
	} {
		seen, err := tt.o.Judge(p, tt.shots)
		if seen != tt.seen || (err == nil) != tt.held {
			t.Errorf("%s: seen %q, %v; want %q, held %v", tt.name, seen, err, tt.seen, tt.held)
		}
	}
}

func TestServicesHaveAddressesOfTheirOwn(t *testing.T) {
	seen := map[netip.Addr]bool{}
	for _, v := range Variants() {
		for _, a := range []netip.Addr{v.LoadBalancerIP(IPv4), v.ExternalIP(IPv4), v.LoadBalancerIP(IPv6), v.ExternalIP(IPv6)} {
			onLink := slices.ContainsFunc(OnLink(), func(p netip.Prefix) bool { return p.Contains(a) })
			if seen[a] || onLink != (v.Announce == L2) {
				t.Errorf("%s: address %s is a duplicate, or in the wrong half", v.Name(), a)
			}
			seen[a] = true
		}
		if len(v.Name()) > 63 {
			t.Errorf("%s is too long for a label", v.Name())
		}
	}
	if docs := Manifests(Selected{Workload: "w", Announcer: "n1", PodNode: "n2"}); len(docs) != 18 || strings.Contains(docs[0], "n2") {
		t.Errorf("%d documents, the first:\n%s", len(docs), docs[0])
	}
}

func TestGrid(t *testing.T) {
	c := Cells()[0]
	held, missed := NewVerdict(c, "own", true), NewVerdict(c, "own+node w2", false)
	missed.From = PodWith
	var b strings.Builder
	if err := Text(&b, []Verdict{held, missed}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[1], "own  ") || !strings.Contains(lines[1], "own+node's !") {
		t.Errorf("the grid is\n%s", b.String())
	}
}
