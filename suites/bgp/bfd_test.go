package bgp_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// silenced brings up one file of frr-bfd: r1 runs FRR, and r2, the router to be killed, runs the named software.
func silenced(ctx SpecContext, file string, r2 scenario.Software) *labtest.Lab {
	GinkgoHelper()
	s, err := scenario.Load(filepath.Join(labtest.Source(), "scenarios", "frr-bfd", file+".yaml"), lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	s.Spec.Routers[1].Software = r2
	l := labtest.Up(ctx, "bfd-"+string(r2)+"-"+file, s)
	server, preferred := l.Plan.Routers[1].BGP.Announce[0], l.Plan.Routers[0].BGP.Neighbors[0]
	Eventually(ctx, l.NextHops).WithArguments("r1", server).WithTimeout(labtest.Patience(30*time.Second)).WithPolling(labtest.Often).
		Should(ConsistOf(preferred.Address.String()), "the preferred router carries the flow; its routes may come a moment after its session")
	return l
}

// killed is the same failover for all labs; the only bound of the outage is most.
func killed(most time.Duration) *check.Failover {
	return &check.Failover{
		Fault: scenario.FaultOf(&fault.Kill{Node: "r2"}), Measure: check.MeasureInject, MaxOutage: scenario.Duration(most),
		Probe: scenario.Probe{From: "client", To: scenario.TargetClient, Workload: "server", Proto: "udp", Every: scenario.DefaultEvery, Flows: 1},
	}
}

var _ = Describe("FRR, after the silent death of its next hop,", Label("bgp", "bfd", "frr"), Serial, func() {
	for _, software := range []scenario.Software{"frr", "bird"} {
		labels := []string{string(software)}
		if software != "frr" {
			labels = append(labels, "slow") // r1 runs FRR in both cases, and r1's timers decide
		}
		Context("a router with "+string(software)+",", Label(labels...), func() {
			It("reroutes packets within the BFD detection time of 300 ms plus 700 ms", func(ctx SpecContext) {
				Expect(silenced(ctx, "scenario", software).Judge(ctx, killed(time.Second))).To(labtest.Hold())
			})

			It("reroutes packets without BFD, too, but only after the hold time of 3 s (negative control)", Label("negative-control"), func(ctx SpecContext) {
				silent := killed(4 * time.Second)
				silent.MinOutage = scenario.Duration(time.Second)
				Expect(silenced(ctx, "hold-time", software).Judge(ctx, silent)).To(labtest.Hold())
			})
		})
	}
})
