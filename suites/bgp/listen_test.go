package bgp_test

import (
	"context"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("A router that listens to a range of addresses", Label("bgp", "listen", "frr", "bird", "gobgp"), Ordered, func() {
	var l *labtest.Lab
	BeforeAll(func(ctx SpecContext) {
		s, err := scenario.Load("testdata/listen.yaml", lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		l = labtest.UpUnjudged(ctx, "listen", s)
	})
	AfterAll(func(ctx SpecContext) {
		if l != nil {
			_, err := lab.Down(ctx, l.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	DescribeTable("accepts a peer from inside, and none from outside (negative control)", Label("negative-control"), func(ctx SpecContext, software string) {
		r, err := l.Router(software)
		Expect(err).NotTo(HaveOccurred())
		established := func(ctx context.Context) ([]netip.Addr, error) {
			all, err := r.Sessions(ctx)
			var peers []netip.Addr
			for _, s := range all {
				if s.State == bgp.Established {
					peers = append(peers, s.Peer)
				}
			}
			return peers, err
		}
		inside := netip.MustParseAddr("10.67.1.14")
		Eventually(ctx, established).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(ConsistOf(inside))
		Eventually(ctx, l.Paths).WithArguments(software, netip.MustParsePrefix("10.67.14.0/24")).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(ConsistOf(HaveField("ASPath", "64514")))
		Consistently(ctx, established).WithTimeout(2 * time.Second).WithPolling(labtest.Often).Should(ConsistOf(inside))
	}, Entry("with FRR", "frr"), Entry("with BIRD", "bird"), Entry("with GoBGP", "gobgp"))
})
