package bgp_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// rerouted is the failover of the labs of scenarios/ospf: the router on the shorter way dies.
func rerouted(least time.Duration) *check.Failover {
	return &check.Failover{
		Fault: scenario.FaultOf(&fault.Kill{Node: "r2"}), Measure: check.MeasureInject, MinOutage: scenario.Duration(least), Tolerance: scenario.Duration(time.Second),
		Probe: scenario.Probe{From: "client", To: scenario.TargetClient, Workload: "server", Proto: "udp", Every: scenario.DefaultEvery, Flows: 1},
	}
}

var _ = Describe("Routers with OSPF (FRR, BIRD) and internal BGP between loopbacks,", Label("bgp", "ospf", "frr", "bird", "slow"), Serial, func() {
	It("are neighbours, and send packets past a dead router within the detection time of BFD and the calculation of routes", func(ctx SpecContext) {
		l := labtest.Up(ctx, "ospf", labtest.Load("ospf"))
		Expect(l.Judge(ctx, &check.Sessions{Established: "all", Within: scenario.DefaultWithin})).To(labtest.Hold())
		Expect(l.Judge(ctx, rerouted(0))).To(labtest.Hold())
	})

	It("do so without BFD, too, but only after the dead interval (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l := labtest.Up(ctx, "ospf-dead-interval", labtest.Load("ospf-dead-interval"))
		Expect(l.Judge(ctx, rerouted(2*time.Second))).To(labtest.Hold())
	})
})
