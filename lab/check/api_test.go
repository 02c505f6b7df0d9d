package check

import (
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestAPIBound(t *testing.T) {
	p := &plan.Plan{Cluster: &plan.Cluster{APIEndpoint: &plan.APIEndpoint{
		Balancer: scenario.Nginx, AdvertInterval: 100 * time.Millisecond, CheckInterval: time.Second, Fall: 3,
		Guards: []plan.EndpointGuard{{Node: "control-plane", Priority: 200}, {Node: "control-plane2", Priority: 192}},
	}}}
	const down = 325 * time.Millisecond // 3 × 100 ms + (256 − 192) / 256 × 100 ms
	for _, c := range []struct {
		fault scenario.Fault
		want  time.Duration // 0: none
	}{
		{scenario.FaultOf(&fault.Kill{Node: "control-plane"}), 2 * time.Second}, // etcd's election takes longer than VRRP
		{scenario.FaultOf(&fault.Kill{Node: "control-plane2"}), 2 * time.Second},
		{scenario.FaultOf(&fault.KillProcess{Node: "control-plane", Process: "keepalived"}), down},
		{scenario.FaultOf(&fault.PauseProcess{Node: "control-plane", Process: "nginx"}), 3800*time.Millisecond + down},
		{scenario.FaultOf(&fault.PauseProcess{Node: "control-plane", Process: "haproxy"}), 0},
		{scenario.FaultOf(&fault.Kill{Node: "worker"}), 0},
	} {
		b := apiBound(p, c.fault)
		switch {
		case b == nil && c.want != 0:
			t.Errorf("%s: no bound, wanted %s", c.fault, c.want)
		case b != nil && b.Max != c.want:
			t.Errorf("%s: seen %s (%s), wanted %s", c.fault, b.Max, b.Formula, c.want)
		}
	}
	p.Cluster.APIEndpoint.Guards = p.Cluster.APIEndpoint.Guards[:1]
	if b := apiBound(p, scenario.FaultOf(&fault.Kill{Node: "control-plane"})); b != nil {
		t.Errorf("one control plane: seen %s, wanted none: nobody takes over", b)
	}
}
