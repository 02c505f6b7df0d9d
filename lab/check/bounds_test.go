package check

import (
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestBoundOf(t *testing.T) {
	p := arenaPlan()
	p.Routers[0].Networks = []plan.Attachment{{Network: "fabric"}, {Network: "edge"}}
	p.Workloads = append(p.Workloads, plan.Workload{Name: "local", Service: plan.Service{Service: scenario.Service{ExternalTrafficPolicy: "Local"}}})
	const vrrp = "3 × 100ms + (256 − 190) / 256 × 100ms = 326ms"
	const tracked = "1 × 1s (tracking) + 3 × 100ms + (256 − 190) / 256 × 100ms = 1.326s"
	for _, c := range []struct {
		name    string
		f       Failover
		max     time.Duration
		formula string // empty: no bound
	}{
		{"master killed", Failover{Fault: scenario.FaultOf(&fault.Kill{Node: "r1"})}, 326 * time.Millisecond, vrrp},
		{"master paused", Failover{Fault: scenario.FaultOf(&fault.Pause{Node: "r1"})}, 326 * time.Millisecond, vrrp},
		{"master's guard killed", Failover{Fault: scenario.FaultOf(&fault.Kill{Node: "r1-gw"})}, 326 * time.Millisecond, vrrp},
		{"keepalived killed", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "r1", Process: "keepalived"})}, 326 * time.Millisecond, vrrp},
		{"master's link", Failover{Fault: scenario.FaultOf(&fault.LinkDown{Node: "r1", Network: "edge"})}, 326 * time.Millisecond, "carrier lost at once; at most " + vrrp},
		{"planned", Failover{Fault: scenario.FaultOf(&fault.Stop{Node: "r1-gw"})}, 26 * time.Millisecond, "priority 0 sent, (256 − 190) / 256 × 100ms = 26ms"},
		{"return", Failover{Fault: scenario.FaultOf(&fault.Kill{Node: "r1"}), Measure: "clear"}, 0, "the backup forwards until the router of higher priority has taken over: 0s"},
		{"bgpd", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "r1", Process: "bgpd"})}, 1326 * time.Millisecond, tracked},
		{"zebra", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "r1", Process: "zebra"})}, 1326 * time.Millisecond, tracked},
		{"BIRD of a member", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "r1", Process: "bird"})}, 1326 * time.Millisecond, tracked},
		{"GoBGP of a member", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "r1", Process: "gobgpd"})}, 1326 * time.Millisecond, tracked},
		{"a node", Failover{Fault: scenario.FaultOf(&fault.Kill{Node: "worker"})}, 55 * time.Second, "the longest of: hold time 9s; node monitor grace 50s + period 5s = 55s"},
		{"a node, pods of its own only", Failover{Fault: scenario.FaultOf(&fault.Kill{Node: "worker"}), Probe: scenario.Probe{Workload: "local"}}, 9 * time.Second, "hold time 9s"},
		{"drain", Failover{Fault: scenario.FaultOf(&fault.Drain{Node: "worker"})}, 0, "detection 0s + EndpointSlice batch 0s + MRAI 0s = 0s"},
		{"agents, graceful", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "nodes", Process: "cilium-agent"}), GracefulRestart: &yes}, 0, "routes are kept for the restart time 2m0s, forwarding goes on: 0s"},
		{"agents, not graceful", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "nodes", Process: "cilium-agent"}), GracefulRestart: &no}, 0, ""},
		{"agents, as planned", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "nodes", Process: "cilium-agent"})}, 0, ""},
		{"a client", Failover{Fault: scenario.FaultOf(&fault.Kill{Node: "client"})}, 0, ""},
		{"a partition", Failover{Fault: scenario.FaultOf(&fault.Partition{Node: "r1", Peer: "worker"})}, 0, ""},
	} {
		b := boundOf(p, c.f)
		switch {
		case b == nil && c.formula != "":
			t.Errorf("%s: no bound, wanted %s", c.name, c.formula)
		case b != nil && (b.Formula != c.formula || b.Max.Round(time.Millisecond) != c.max):
			t.Errorf("%s: %v by %q, wanted %v by %q", c.name, b.Max, b.Formula, c.max, c.formula)
		}
	}
	// With nobody to take over there is no bound.
	p.Gateways[0].Members = p.Gateways[0].Members[:1]
	if b := boundOf(p, Failover{Fault: scenario.FaultOf(&fault.Kill{Node: "r1"})}); b != nil {
		t.Errorf("without a backup: %v", b)
	}
}

// A node's silence, and the end of the BIRD that it runs, by what its router asks of it.
func TestBoundOfANodesSpeaker(t *testing.T) {
	p := arenaPlan()
	p.Routers[0].BGP.Ranges[0].BFD = &scenario.BFD{Interval: scenario.Duration(100 * time.Millisecond), Multiplier: 3}
	for _, c := range []struct {
		name  string
		f     Failover
		known bool
		max   time.Duration
	}{
		{"a pod's address", Failover{Fault: scenario.FaultOf(&fault.LinkDown{Node: "worker"}), Probe: scenario.Probe{To: scenario.TargetPod}}, true, 300 * time.Millisecond},
		{"only its router misses it", Failover{Fault: scenario.FaultOf(&fault.Partition{Node: "worker", Peer: "r1"})}, true, 300 * time.Millisecond},
		{"a service's", Failover{Fault: scenario.FaultOf(&fault.LinkDown{Node: "worker"}), Probe: scenario.Probe{To: scenario.TargetClusterIP}}, true, 55 * time.Second},
		{"all BIRDs, graceful", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "nodes", Process: "bird"}), GracefulRestart: &yes}, true, 0},
		{"one, graceful", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "worker", Process: "bird"}), GracefulRestart: &yes}, true, 0},
		{"all, not graceful", Failover{Fault: scenario.FaultOf(&fault.KillProcess{Node: "nodes", Process: "bird"}), GracefulRestart: &no}, false, 0},
	} {
		if b := boundOf(p, c.f); (b != nil) != c.known || b != nil && b.Max != c.max {
			t.Errorf("%s: %v, wanted %v (%v)", c.name, b, c.max, c.known)
		}
	}
}

// Who has a session with a router that falls silent notices it by BFD, else when the hold time is over.
func TestBoundOfASilentNeighbor(t *testing.T) {
	bfd := plan.Peering{BFD: &scenario.BFD{Interval: scenario.Duration(100 * time.Millisecond), Multiplier: 3}}
	speaker := func(n plan.Neighbor) *plan.Speaker {
		return &plan.Speaker{HoldTime: 3 * time.Second, Keepalive: time.Second, Neighbors: []plan.Neighbor{n}}
	}
	p := &plan.Plan{Routers: []plan.Router{{Name: "r1", BGP: speaker(plan.Neighbor{Name: "r2"})}, {Name: "r2", BGP: speaker(plan.Neighbor{Name: "r1"})}}}
	for _, c := range []struct {
		name    string
		peering plan.Peering
		max     time.Duration
	}{{"hold time", plan.Peering{}, 3 * time.Second}, {"BFD", bfd, 300 * time.Millisecond}} {
		p.Routers[0].BGP.Neighbors[0].Peering = c.peering
		if b := boundOf(p, Failover{Fault: scenario.FaultOf(&fault.Kill{Node: "r2"})}); b == nil || b.Max != c.max {
			t.Errorf("%s: %v, wanted %v", c.name, b, c.max)
		}
	}
	if b := boundOf(p, Failover{Fault: scenario.FaultOf(&fault.Kill{Node: "r3"})}); b != nil {
		t.Errorf("of a router that nobody peers with: %v", b)
	}
}
