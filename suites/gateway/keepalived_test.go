package gateway_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("A gateway with settings of keepalived's own", Label("gateway", "vrrp", "keepalived", "slow"), Ordered, Serial, func() {
	var l *labtest.Lab
	BeforeAll(func(ctx SpecContext) {
		s, err := scenario.Load("testdata/keepalived.yaml", lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		l = labtest.UpUnjudged(ctx, "keepalived", s)
	})
	AfterAll(func(ctx SpecContext) {
		if l != nil {
			_, err := lab.Down(ctx, l.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		}
	})
	run := func(ctx context.Context, node string, command ...string) string {
		GinkgoHelper()
		n, err := l.Node(node)
		Expect(err).NotTo(HaveOccurred())
		out, err := n.Exec(ctx, command...)
		Expect(err).NotTo(HaveOccurred())
		return string(out)
	}
	heldBy := func(ctx context.Context, gateway, router string) {
		GinkgoHelper()
		Eventually(ctx, l.HolderOf).WithArguments(gateway).Within(labtest.Patience(20 * time.Second)).ProbeEvery(100 * time.Millisecond).Should(Equal(router))
	}
	// seen returns tcpdump's lines of 3 s on the client's network.
	seen := func(ctx context.Context, filter string) string {
		GinkgoHelper()
		return run(ctx, "client", "sh", "-c", "timeout 3 tcpdump -lnvi left '"+filter+"' 2>/dev/null || true")
	}

	It("speaks VRRP of the version, with the number of the virtual router", func(ctx SpecContext) {
		heldBy(ctx, "gw", "r1")
		heldBy(ctx, "old", "r3")
		out := seen(ctx, "ip proto 112")
		Expect(out).To(MatchRegexp(`224.0.0.18: VRRPv3, Advertisement, vrid 51, prio 200`))
		Expect(out).To(MatchRegexp(`VRRPv2, Advertisement, vrid 2, prio 200`))
	})

	It("repeats gratuitous ARP while the address is held, and does not without the setting (negative control)", Label("negative-control"), func(ctx SpecContext) {
		gw, old := l.Plan.Gateways[0].Addresses[0].Address.String(), l.Plan.Gateways[1].Addresses[0].Address.String()
		requests := func(out, address string) int {
			return strings.Count(out, "Request who-has "+address+" (ff:ff:ff:ff:ff:ff) tell "+address)
		}
		// By default a new holder sends a second group after 5 s, and then nothing.
		Eventually(ctx, seen).WithArguments("arp").Within(labtest.Patience(20 * time.Second)).Should(SatisfyAll(
			WithTransform(func(out string) int { return requests(out, gw) }, BeNumerically(">=", 2)),
			WithTransform(func(out string) int { return requests(out, old) }, BeZero())))
	})

	It("moves when a check of one's own fails twice, comes back when the check holds, and the script of one's own hears all", func(ctx SpecContext) {
		run(ctx, "r1-gw", "touch", "/tmp/broken")
		heldBy(ctx, "gw", "r2")
		run(ctx, "r1-gw", "rm", "/tmp/broken")
		heldBy(ctx, "gw", "r1")
		Expect(strings.Split(strings.TrimSpace(run(ctx, "r1-gw", "cat", "/tmp/states")), "\n")).To(HaveExactElements(
			"gw BACKUP", "gw MASTER", "gw FAULT", "gw BACKUP", "gw MASTER"))
	})

	It("moves within the bound of version 2, and stays with the other member (no preemption)", func(ctx SpecContext) {
		heldBy(ctx, "old", "r3")
		Expect(l.Judge(ctx, &check.Failover{
			Fault: scenario.FaultOf(&fault.Kill{Node: "r3"}), Measure: check.MeasureInject, Tolerance: scenario.Duration(500 * time.Millisecond),
			Probe: scenario.Probe{From: "other", To: scenario.TargetClient, Workload: "server", Proto: "udp", Every: scenario.DefaultEvery, Flows: 1},
		})).To(labtest.Hold())
		heldBy(ctx, "old", "r4")
	})
})
