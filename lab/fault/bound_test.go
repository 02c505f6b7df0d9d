package fault

import (
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// boundPlan is a lab of two routers of a software, with nodes that peer with both.
func boundPlan(t *testing.T, software, bfd, gateway string) *plan.Plan {
	t.Helper()
	text := `
apiVersion: skidpad.dev/v1alpha1
kind: Scenario
metadata: {name: bounds}
spec:
  networks: [{name: fabric}, {name: edge}]
  cluster: {workers: 2}
  routers:
    - {name: r1, software: SOFTWARE, networks: [fabric, edge], bgp: {asn: 64513, holdTime: 9s, peers: [{nodes: allBFD}, {router: r2BFD}]}}
    - {name: r2, software: SOFTWARE, networks: [fabric, edge], bgp: {asn: 64513, holdTime: 9s, peers: [{nodes: allBFD}, {router: r1BFD}]}}
  clients: [{name: client, network: edge, router: r1}]
  addons: [ADDON]
  workloads: [{echo: {}}, {echo: {name: local, service: {externalTrafficPolicy: Local}}}]
`
	addon := "{cilium: {bgp: {asn: 64512, peers: [r1, r2]}}}"
	if bfd != "" {
		addon = "{cilium: {}}, {bird: {asn: 64512, peers: [r1, r2], bfd: {interval: 100ms}}}"
	}
	text = strings.NewReplacer("SOFTWARE", software, "BFD", bfd, "ADDON", addon).Replace(text)
	if gateway != "" {
		text = strings.Replace(text, "network: edge, router: r1", "network: edge, gateway: gw", 1) + gateway
	}
	s, err := scenario.Parse("bounds.yaml", []byte(text), kinds)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "lab1", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	onGateway = "  gateways: [{name: gw, members: [r1, r2], networks: [edge, fabric], advertInterval: 100ms}]\n"
	withBFD   = ", bfd: {interval: 100ms, multiplier: 3}"

	hold     = "hold time 9s"
	fast     = "3 × max(100ms, 100ms) = 300ms"
	vrrp     = "3 × 100ms + (256 − 190) / 256 × 100ms = 326ms"
	carrier  = "carrier lost at once; at most " + vrrp
	tracked  = "1 × 1s (tracking) + 3 × 100ms + (256 − 190) / 256 × 100ms = 1.326s"
	released = "priority 0 sent, (256 − 190) / 256 × 100ms = 26ms"
	lost     = "node monitor grace 50s + period 5s = 55s"
	slowNode = "the longest of: " + hold + "; " + lost
	fastNode = "the longest of: " + fast + "; " + lost
	passing  = "packets pass until one end has noticed; at most "
	ceased   = "a NOTIFICATION ends the session at once: 0s"
)

// A gateway on nodes bounds the outage of flows at its own address alone.
func TestBoundsOfAGatewayOnNodes(t *testing.T) {
	p := boundPlan(t, "frr", "", "  gateways: [{name: gw, members: [r1, r2], networks: [edge]}, {name: vip, members: [worker, worker2], networks: [fabric], advertInterval: 100ms}]\n")
	at := scenario.Probe{From: "client", To: scenario.TargetNodePort, Gateway: "vip"}
	for _, c := range []struct {
		f                 Fault
		atGateway, atNode string
	}{
		{&Kill{Node: "worker"}, vrrp, slowNode},
		{&LinkDown{Node: "worker", Network: "fabric"}, carrier, slowNode},
		{&Stop{Node: "worker-vip"}, released, ""},
	} {
		for _, want := range []struct {
			probe scenario.Probe
			text  string
		}{{at, c.atGateway}, {scenario.Probe{From: "client", To: scenario.TargetNodePort}, c.atNode}} {
			got := ""
			if b := c.f.(Bounder).Bound(Case{Plan: p, Probe: want.probe}); b != nil {
				got = b.Formula
			}
			if got != want.text {
				t.Errorf("%T, gateway %q: %q, wanted %q", c.f, want.probe.Gateway, got, want.text)
			}
		}
	}
}

// The formula of each fault in a lab with a gateway, in a lab without, and in a lab without a gateway and with BFD; empty: no
// bound.
func TestBounds(t *testing.T) {
	unbounded := map[string]bool{} // every member without a bound
	for _, m := range kinds.Faults {
		f := m.New().(Fault)
		_, bounds := f.(Bounder)
		if bounds == (f.About().Unbounded != "") {
			t.Errorf("%s: Bounder is %v and Unbounded is %q, want exactly one of them", m.Name, bounds, f.About().Unbounded)
		}
		unbounded[m.Name] = true
	}
	for _, software := range []string{"frr", "bird", "gobgp"} {
		labs := []*plan.Plan{boundPlan(t, software, "", onGateway), boundPlan(t, software, "", ""), boundPlan(t, software, withBFD, "")}
		for _, c := range []struct {
			f    Fault
			want [3]string
		}{
			{&Kill{Node: "r1"}, [3]string{vrrp, hold, fast}},
			{&Kill{Node: "r1-gw"}, [3]string{vrrp, "", ""}},
			{&Kill{Node: "worker"}, [3]string{slowNode, slowNode, fastNode}},
			{&Kill{Node: "client"}, [3]string{}},
			{&Pause{Node: "r1"}, [3]string{vrrp, hold, fast}},
			{&Pause{Node: "worker"}, [3]string{slowNode, slowNode, fastNode}},
			{&Stop{Node: "r1"}, [3]string{vrrp, hold, fast}},
			{&Stop{Node: "r1-gw"}, [3]string{released, "", ""}},
			{&Stop{Node: "worker"}, [3]string{slowNode, slowNode, fastNode}},
			{&Restart{Node: "r1"}, [3]string{vrrp, "", ""}},
			{&Restart{Node: "worker"}, [3]string{}},
			{&Reboot{Node: "r1", Down: 5000 * ms}, [3]string{vrrp, "", ""}},
			{&Reboot{Node: "worker", Down: 5000 * ms}, [3]string{}},
			{&KillProcess{Node: "r1", Process: "keepalived"}, [3]string{vrrp, "", ""}},
			{&KillProcess{Node: "worker", Process: "kubelet"}, [3]string{}},
			{&PauseProcess{Node: "r1", Process: "keepalived"}, [3]string{vrrp, "", ""}},
			{&PauseProcess{Node: "r1", Process: "bgpd"}, [3]string{}},
			{&LinkDown{Node: "r1", Network: "edge"}, [3]string{carrier, hold, fast}},
			{&LinkDown{Node: "worker"}, [3]string{slowNode, slowNode, fastNode}},
			{&Flap{Node: "r1", Network: "edge", Interval: 200 * ms, Lasting: last}, [3]string{
				"6 times: " + carrier + "; in all 1.955s", "6 times: " + hold + "; in all 54s", "6 times: " + fast + "; in all 1.8s"}},
			{&Flap{Node: "r1", Network: "edge", Interval: 200 * ms}, [3]string{}},
			{&Partition{Node: "worker", Peer: "r1"}, [3]string{hold, hold, fast}},
			{&Partition{Node: "r1", Peer: "worker"}, [3]string{hold, hold, fast}},
			{&Partition{Node: "r1", Peer: "r2"}, [3]string{"", hold, fast}},
			{&Partition{Node: "r1", Peer: "client"}, [3]string{}},
			{&Partition{Node: "worker", Peer: "worker2"}, [3]string{}},
			{&Drop{Node: "r1", Proto: "bgp"}, [3]string{tracked, passing + hold, passing + hold}},
			{&Drop{Node: "r1", Proto: "bgp", Peer: "worker"}, [3]string{passing + hold, passing + hold, passing + hold}},
			{&Drop{Node: "r1", Proto: "bfd"}, [3]string{"", "", passing + fast}},
			{&Drop{Node: "r1", Proto: "bfd", Peer: "r2"}, [3]string{"", "", passing + fast}},
			{&Drop{Node: "worker", Proto: "bfd", Peer: "r1"}, [3]string{"", "", passing + fast}},
			{&Drop{Node: "r1", Proto: "vrrp"}, [3]string{}},
			{&BGPShut{Router: "r1"}, [3]string{tracked, ceased, ceased}},
			{&BGPShut{Router: "r1", Peer: "nodes"}, [3]string{tracked, ceased, ceased}},
			{&BGPShut{Router: "r1", Peer: "r2"}, [3]string{ceased, ceased, ceased}},
			{&BGPClear{Router: "r1"}, [3]string{tracked, ceased, ceased}},
			{&BGPSoftClear{Router: "r1"}, [3]string{"routes stay while the peer sends them again: 0s", "routes stay while the peer sends them again: 0s", "routes stay while the peer sends them again: 0s"}},
			{&Drain{Node: "worker"}, [3]string{"detection 0s + EndpointSlice batch 0s + MRAI 0s = 0s", "detection 0s + EndpointSlice batch 0s + MRAI 0s = 0s", "detection 0s + EndpointSlice batch 0s + MRAI 0s = 0s"}},
		} {
			delete(unbounded, NameOf(c.f))
			for i, p := range labs {
				if seen := formula(BoundOf(scenario.FaultOf(c.f), Case{Plan: p})); seen != c.want[i] {
					t.Errorf("%s, %s, lab %d: seen %q, want %q", software, c.f, i, seen, c.want[i])
				}
			}
		}
		of, err := router.Of(labs[0], labs[0].Routers[0])
		if err != nil || len(of.Daemons().Routing) == 0 {
			t.Fatal(software, err)
		}
		for _, process := range of.Daemons().Routing {
			f := scenario.FaultOf(&KillProcess{Node: "r1", Process: process})
			if seen := formula(BoundOf(f, Case{Plan: labs[0]})); seen != tracked {
				t.Errorf("%s of a member: seen %q, want %q", process, seen, tracked)
			}
			if seen := formula(BoundOf(f, Case{Plan: labs[1]})); seen != "" {
				t.Errorf("%s of a router without a gateway: seen %q, want none", process, seen)
			}
		}
	}
	for name := range unbounded {
		if f, err := Find(kinds.Faults, name); err != nil || f.About().Unbounded == "" {
			t.Errorf("%s: a Bounder without a line in the table", name)
		}
	}
}

func formula(b *bound.Bound) string {
	if b == nil {
		return ""
	}
	return b.Formula
}

// The bound also depends on the measurement.
func TestBoundOfAMeasurement(t *testing.T) {
	yes, no := true, false
	guarded, alone, bfd := boundPlan(t, "frr", "", onGateway), boundPlan(t, "frr", "", onGateway), boundPlan(t, "frr", withBFD, "")
	alone.Gateways[0].Members = alone.Gateways[0].Members[:1]
	agents := func(node, process string) Fault { return &KillProcess{Node: node, Process: process} }
	const (
		kept    = "routes are kept for the restart time 2m0s, forwarding goes on: 0s"
		preempt = "the backup forwards until the router of higher priority has taken over: 0s"
	)
	for _, c := range []struct {
		name, want string
		f          Fault
		Case
	}{
		{"return of the master", preempt, &Kill{Node: "r1"}, Case{Plan: guarded, Clear: true}},
		{"return of the link", preempt, &LinkDown{Node: "r1"}, Case{Plan: guarded, Clear: true}},
		{"return of the sessions", preempt, &BGPShut{Router: "r1"}, Case{Plan: guarded, Clear: true}},
		{"no backup", "", &Kill{Node: "r1"}, Case{Plan: alone}},
		{"pods of the node only", hold, &Kill{Node: "worker"}, Case{Plan: guarded, Probe: scenario.Probe{Workload: "local"}}},
		{"a pod's address", fast, &LinkDown{Node: "worker"}, Case{Plan: bfd, Probe: scenario.Probe{To: scenario.TargetPod}}},
		{"a Service's address", fastNode, &LinkDown{Node: "worker"}, Case{Plan: bfd, Probe: scenario.Probe{To: scenario.TargetClusterIP}}},
		{"agents, graceful", kept, agents("nodes", "cilium-agent"), Case{Plan: guarded, GracefulRestart: &yes}},
		{"agents, not graceful", "", agents("nodes", "cilium-agent"), Case{Plan: guarded, GracefulRestart: &no}},
		{"agents, as planned", "", agents("nodes", "cilium-agent"), Case{Plan: guarded}},
		{"all BIRDs, graceful", kept, agents("nodes", "bird"), Case{Plan: bfd, GracefulRestart: &yes}},
		{"one BIRD, graceful", kept, agents("worker", "bird"), Case{Plan: bfd, GracefulRestart: &yes}},
		{"all BIRDs, not graceful", "", agents("nodes", "bird"), Case{Plan: bfd, GracefulRestart: &no}},
		{"another process, graceful", "", agents("nodes", "kubelet"), Case{Plan: bfd, GracefulRestart: &yes}},
		{"an orderly end, graceful", "", &Stop{Node: "r1"}, Case{Plan: bfd, GracefulRestart: &yes}},
	} {
		if seen := formula(BoundOf(scenario.FaultOf(c.f), c.Case)); seen != c.want {
			t.Errorf("%s: seen %q, want %q", c.name, seen, c.want)
		}
	}
}

func TestAPIBounds(t *testing.T) {
	p := &plan.Plan{Cluster: &plan.Cluster{APIEndpoint: &plan.APIEndpoint{
		Balancer: scenario.Nginx, AdvertInterval: 100 * time.Millisecond, CheckInterval: time.Second, Fall: 3,
		Guards: []plan.EndpointGuard{{Node: "control-plane", Priority: 200}, {Node: "control-plane2", Priority: 192}},
	}}}
	const down = 325 * time.Millisecond // 3 × 100 ms + (256 − 192) / 256 × 100 ms
	for _, c := range []struct {
		fault Fault
		want  time.Duration // 0: none
	}{
		{&Kill{Node: "control-plane"}, 2 * time.Second}, // etcd's election takes longer than VRRP
		{&Kill{Node: "control-plane2"}, 2 * time.Second},
		{&Stop{Node: "control-plane"}, 2 * time.Second},
		{&Pause{Node: "control-plane"}, 2 * time.Second},
		{&LinkDown{Node: "control-plane"}, 2 * time.Second},
		{&Partition{Node: "control-plane"}, 2 * time.Second},
		{&KillProcess{Node: "control-plane2", Process: "etcd"}, 2 * time.Second},
		{&KillProcess{Node: "control-plane", Process: "keepalived"}, down},
		{&KillProcess{Node: "control-plane2", Process: "keepalived"}, 0},
		{&PauseProcess{Node: "control-plane", Process: "nginx"}, 3800*time.Millisecond + down},
		{&PauseProcess{Node: "control-plane", Process: "haproxy"}, 0},
		{&Kill{Node: "worker"}, 0},
		{&Cordon{Node: "control-plane"}, 0},
	} {
		b := APIBoundOf(scenario.FaultOf(c.fault), p)
		switch {
		case b == nil && c.want != 0:
			t.Errorf("%s: no bound, wanted %s", c.fault, c.want)
		case b != nil && b.Max != c.want:
			t.Errorf("%s: seen %s (%s), wanted %s", c.fault, b.Max, b.Formula, c.want)
		}
	}
	p.Cluster.APIEndpoint.Guards = p.Cluster.APIEndpoint.Guards[:1]
	if b := APIBoundOf(scenario.FaultOf(&Kill{Node: "control-plane"}), p); b != nil {
		t.Errorf("one control plane: seen %s, wanted none: nobody takes over", b)
	}
}

// With OSPF, the sessions between loopbacks outlive the router on the way.
func TestBoundOfOSPF(t *testing.T) {
	for file, want := range map[string]string{
		"scenario":      fast + " + route calculation 1s = 1.3s",
		"dead-interval": "dead interval 4s + route calculation 1s = 5s",
	} {
		s, err := scenario.Load("../../scenarios/ospf/"+file+".yaml", kinds)
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Make(s, "lab1", plan.Host{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []Fault{&Kill{Node: "r2"}, &LinkDown{Node: "r2", Network: "a"}, &Partition{Node: "r1", Peer: "r2"}} {
			if seen := formula(BoundOf(scenario.FaultOf(f), Case{Plan: p})); seen != want {
				t.Errorf("%s, %s: seen %q, want %q", file, f, seen, want)
			}
		}
	}
}
