package addons_test

import (
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/labtest"
)

var _ = Describe("BIRD on the nodes", Label("bird-options", "bird", "addons", "slow"), Ordered, func() {
	m := matrix{}
	pods := []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56")}
	BeforeAll(func(ctx SpecContext) { m.Lab = labtest.Up(ctx, "bird-options", own("bird-options.yaml")) })
	AfterAll(func(ctx SpecContext) {
		if m.Lab != nil {
			_, err := lab.Down(ctx, m.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("announces pods of both IP families over signed sessions and over two hops", func(ctx SpecContext) {
		Expect(quick(ctx, m.Lab)).To(labtest.Hold())
	})

	It("has an ASN of its own on one node, which has no session with the far router", func(ctx SpecContext) {
		for _, p := range pods {
			Eventually(ctx, m.Paths).WithArguments("near", p).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(
				ConsistOf(HaveField("ASPath", "64515"), HaveField("ASPath", "64516")), "%s", p)
			m.paths(ctx, "far", p, HaveField("ASPath", "64515"))
		}
	})

	It("has its own hold time and graceful restart in one session, and BFD in another", func(ctx SpecContext) {
		Eventually(ctx, m.SessionsWithNodes).WithArguments("far").WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(
			HaveKeyWithValue("control-plane", HaveField("HoldTime", 30*time.Second)))
		Expect(m.shows(ctx, "far")).To(And(Not(BeEmpty()), HaveEach(HaveField("Restart.Remote", "Restart"))))
		Eventually(ctx, m.shows).WithArguments("near").WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(
			And(Not(BeEmpty()), HaveEach(HaveField("BFD", HaveValue(HaveField("Status", "Up"))))))
		Expect(m.shows(ctx, "near")).To(HaveEach(HaveField("Restart.Remote", Not(Equal("Restart")))))
	})
})
