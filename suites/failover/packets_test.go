package failover_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// A control without the fault stands before each fault. Kernels without netem skip the spec with the reason.
var _ = DescribeTable("A fault of packets changes the packets that the server sends, and nothing after its end", Label("faults", "packets", "slow", "negative-control"), Serial,
	func(ctx SpecContext, f fault.Fault, changed func(before, during probe.Result)) {
		l := labtest.Open(ctx, "frr-bfd")
		seen := func(ctx context.Context) probe.Result {
			GinkgoHelper()
			r := l.Probe(ctx, "client", "client/server", 200, 3*time.Second).Wait(ctx)
			Expect(r).To(HaveLen(1))
			Expect(r[0].Sent).To(BeNumerically(">", 300))
			return r[0]
		}
		before := seen(ctx)
		Expect(before).To(And(HaveField("LostAtLeast", 0), HaveField("Duplicated", 0), HaveField("Reordered", 0)))

		active := l.Inject(ctx, f)
		during := seen(ctx)
		Expect(active.Clear(ctx)).To(Succeed())
		changed(before, during)

		after := seen(ctx)
		Expect(after).To(And(HaveField("LostAtLeast", 0), HaveField("Duplicated", 0), HaveField("Reordered", 0)))
		Expect(after.Latency.P50).To(BeNumerically("<", before.Latency.P50+25))
	},
	Entry("latency: 50 ms ± 10 ms later", &fault.Latency{Node: "server", Delay: ms(50), Jitter: ms(10)}, func(before, during probe.Result) {
		GinkgoHelper()
		Expect(during.Latency.P50).To(BeNumerically("~", before.Latency.P50+50, 15))
		Expect(during.Latency.P90-during.Latency.P50).To(BeNumerically(">", 2), "jitter")
		Expect(during.LostAtLeast).To(BeZero())
	}),
	Entry("loss: 20 % lost", &fault.Loss{Node: "server", Direction: "out", Percent: 20}, func(_, during probe.Result) {
		GinkgoHelper()
		Expect(share(during.LostAtLeast, during)).To(BeNumerically("~", 0.2, 0.08))
	}),
	Entry("corrupt: 20 % changed, so receivers drop these", &fault.Corrupt{Node: "server", Percent: 20}, func(_, during probe.Result) {
		GinkgoHelper()
		Expect(share(during.LostAtLeast, during)).To(BeNumerically("~", 0.2, 0.08))
	}),
	Entry("duplicate: 20 % twice", &fault.Duplicate{Node: "server", Percent: 20}, func(_, during probe.Result) {
		GinkgoHelper()
		Expect(share(during.Duplicated, during)).To(BeNumerically("~", 0.2, 0.08))
		Expect(during.LostAtLeast).To(BeZero())
	}),
	Entry("reorder: 20 % overtake the others, which are 30 ms late", &fault.Reorder{Node: "server", Percent: 20, Delay: ms(30)}, func(before, during probe.Result) {
		GinkgoHelper()
		Expect(during.Reordered).To(BeNumerically(">", 0))
		Expect(during.Latency.P50).To(BeNumerically("~", before.Latency.P50+30, 15))
		Expect(during.LostAtLeast).To(BeZero())
	}),
	Entry("rateLimit: the excess beyond 100 kbit/s is lost", &fault.RateLimit{Node: "server", Rate: "100kbit"}, func(_, during probe.Result) {
		GinkgoHelper()
		Expect(share(during.LostAtLeast, during)).To(BeNumerically(">", 0.2))
	}),
)

func ms(n int) scenario.Duration { return scenario.Duration(time.Duration(n) * time.Millisecond) }

// share is the share of the sent packets.
func share(n int, of probe.Result) float64 { return float64(n) / float64(of.Sent) }
