package bgp_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// silenced brings up one of frr-bfd's files, in which r1 runs FRR and r2, which is to die, the software that is named.
func silenced(ctx SpecContext, file string, r2 scenario.Software) *labtest.Lab {
	GinkgoHelper()
	s, err := scenario.Load(filepath.Join(labtest.Source(), "scenarios", "frr-bfd", file+".yaml"), lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	s.Spec.Routers[1].Software = r2
	return labtest.Up(ctx, "bfd-"+string(r2)+"-"+file, s)
}

// killed is the failover that all labs are judged by; an outage has no bound but the one that is named.
func killed(most time.Duration) scenario.Check {
	return scenario.Check{Failover: &scenario.Failover{
		Fault: scenario.Fault{Kill: "r2"}, Measure: scenario.MeasureInject, MaxOutage: scenario.Duration(most),
		Probe: scenario.Probe{From: "client", To: scenario.TargetClient, Workload: "server", Proto: "udp", Every: scenario.DefaultEvery, Flows: 1},
	}}
}

var _ = Describe("A router that runs FRR, whose next hop dies without a word,", Label("bgp", "bfd", "frr"), Serial, func() {
	for _, software := range []scenario.Software{scenario.FRR, scenario.BIRD} {
		Context("a router that runs "+string(software)+",", Label(string(software)), func() {
			It("sends packets another way within the detection time of BFD, 300 ms, and 700 ms to spare", func(ctx SpecContext) {
				Expect(silenced(ctx, "scenario", software).Judge(ctx, killed(time.Second))).To(labtest.Hold())
			})

			It("does so without BFD, but not before the hold time of 3 s tells it (negative control)", Label("negative-control"), func(ctx SpecContext) {
				silent := killed(4 * time.Second)
				silent.Failover.MinOutage = scenario.Duration(time.Second)
				Expect(silenced(ctx, "hold-time", software).Judge(ctx, silent)).To(labtest.Hold())
			})
		})
	}
})
