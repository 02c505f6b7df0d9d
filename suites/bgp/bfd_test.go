package bgp_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("A router whose next hop dies without a word", Label("bgp", "bfd", "frr"), Ordered, Serial, func() {
	// killed is the failover that both labs are judged by; an outage has no bound but the one that is named.
	killed := func(most time.Duration) scenario.Check {
		return scenario.Check{Failover: &scenario.Failover{
			Fault: scenario.Fault{Kill: "r2"}, Measure: scenario.MeasureInject, MaxOutage: scenario.Duration(most),
			Probe: scenario.Probe{From: "client", To: scenario.TargetClient, Workload: "server", Proto: "udp", Every: scenario.DefaultEvery, Flows: 1},
		}}
	}
	hold := func(ctx SpecContext) *labtest.Lab {
		GinkgoHelper()
		s, err := scenario.Load(filepath.Join(labtest.Source(), "scenarios", "frr-bfd", "hold-time.yaml"))
		Expect(err).NotTo(HaveOccurred())
		return labtest.Up(ctx, "frr-bfd-hold", s)
	}

	It("sends packets another way within the detection time of BFD, 300 ms, and 700 ms to spare", func(ctx SpecContext) {
		l := labtest.Open(ctx, "frr-bfd")
		Expect(l.Judge(ctx, killed(time.Second))).To(labtest.Hold())
	})

	It("does not without BFD: the hold time must end first (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l := hold(ctx)
		results := l.Judge(ctx, killed(time.Second))
		Expect(results).To(HaveLen(1))
		Expect(results[0].Verdict).To(Equal(check.Failed), results[0].Observed)
	})

	It("sends them another way once the hold time of 3 s is over", func(ctx SpecContext) {
		l := hold(ctx)
		Expect(l.Judge(ctx, killed(4*time.Second))).To(labtest.Hold())
	})
})
