package reachability_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("Networks with impairments", Label("networks", "impairment", "slow"), Ordered, Serial, func() {
	var l *labtest.Lab
	load := func() *scenario.Scenario {
		GinkgoHelper()
		s, err := scenario.Load("testdata/impairment.yaml", lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		return s
	}
	// seen returns the share of lost attempts and the median round trip of 1.5 s.
	seen := func(ctx context.Context, server string, rate float64) (lost float64, trip time.Duration) {
		GinkgoHelper()
		r := l.Probe(ctx, "client", "client/"+server, rate, 1500*time.Millisecond).Wait(ctx)
		Expect(r).To(HaveLen(1))
		Expect(r[0].Sent).To(BeNumerically(">", rate/2))
		return float64(r[0].LostAtLeast) / float64(r[0].Sent), time.Duration(r[0].Latency.P50 * float64(time.Millisecond))
	}
	lost := func(ctx context.Context, server string, rate float64) float64 {
		GinkgoHelper()
		share, _ := seen(ctx, server, rate)
		return share
	}
	// on runs a command on a node.
	on := func(ctx context.Context, name string, command ...string) string {
		GinkgoHelper()
		n, err := l.Node(name)
		Expect(err).NotTo(HaveOccurred())
		out, err := n.Exec(ctx, command...)
		Expect(err).NotTo(HaveOccurred(), "%s: %s: %s", name, command, out)
		return strings.TrimSpace(string(out))
	}
	// known sets the link-layer address of an end of a network at the other end: ARP would lose packets, too, and a request of
	// ARP is repeated after 1 s only.
	known := func(ctx context.Context, network, of, at string) {
		GinkgoHelper()
		mac := on(ctx, of, "cat", "/sys/class/net/"+network+"/address")
		fields := strings.Fields(on(ctx, of, "ip", "-o", "-4", "address", "show", "dev", network))
		Expect(len(fields)).To(BeNumerically(">", 3))
		address, _, _ := strings.Cut(fields[3], "/")
		on(ctx, at, "ip", "neigh", "replace", address, "lladdr", mac, "dev", network, "nud", "permanent")
	}
	// answered waits until a server answers: ARP and BGP lose packets, too.
	answered := func(ctx context.Context, server string) {
		GinkgoHelper()
		if network, _, _ := strings.Cut(server, "-"); network == "lossy" || network == "dirty" {
			known(ctx, network, server, "client")
			known(ctx, network, "client", server)
		}
		Eventually(ctx, func(g Gomega) {
			r := l.Probe(ctx, "client", "client/"+server, 20, 500*time.Millisecond).Wait(ctx)
			g.Expect(r).To(ConsistOf(HaveField("AnsweredBy", Not(BeEmpty()))))
		}).WithTimeout(30 * time.Second).Should(Succeed())
	}
	BeforeAll(func(ctx SpecContext) {
		l = labtest.UpUnjudged(ctx, "impairment", load())
		for _, server := range []string{"clean-server", "lossy-server", "slow-server", "dirty-server", "far-server"} {
			answered(ctx, server)
		}
	})
	AfterAll(func(ctx SpecContext) {
		if l != nil {
			_, err := lab.Down(ctx, l.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("delay each packet once: a round trip takes 40 ms at 20 ms between two routers, and under 10 ms without (negative control)", Label("negative-control"), func(ctx SpecContext) {
		_, trip := seen(ctx, "far-server", 200)
		Expect(trip).To(BeNumerically("~", 40*time.Millisecond, 8*time.Millisecond))
		_, trip = seen(ctx, "clean-server", 200)
		Expect(trip).To(BeNumerically("<", 10*time.Millisecond))
	})

	It("lose or change a share of the packets each way: 36 % of round trips at 20 %, and none without (negative control)", Label("negative-control"), func(ctx SpecContext) {
		Expect(lost(ctx, "lossy-server", 500)).To(BeNumerically("~", 0.36, 0.09))
		Expect(lost(ctx, "dirty-server", 500)).To(BeNumerically("~", 0.36, 0.09))
		Expect(lost(ctx, "clean-server", 500)).To(BeZero())
	})

	It("lose the excess beyond a rate of 200 kbit/s, and nothing below the rate (negative control)", Label("negative-control"), func(ctx SpecContext) {
		Expect(lost(ctx, "slow-server", 1000)).To(BeNumerically(">", 0.4))
		Expect(lost(ctx, "slow-server", 50)).To(BeZero())
		Expect(lost(ctx, "clean-server", 1000)).To(BeNumerically("<", 0.01))
	})

	It("are as before after a fault on the same interface and after a restart", func(ctx SpecContext) {
		f := l.Inject(ctx, &fault.RateLimit{Node: "client", Network: "slow", Rate: "20kbit"})
		Expect(lost(ctx, "slow-server", 300)).To(BeNumerically(">", 0.2))
		Expect(f.Clear(ctx)).To(Succeed())
		Expect(lost(ctx, "slow-server", 50)).To(BeZero())
		Expect(lost(ctx, "slow-server", 1000)).To(BeNumerically(">", 0.4))

		killed := l.Inject(ctx, &fault.Kill{Node: "dirty-server"})
		Expect(killed.Clear(ctx)).To(Succeed())
		answered(ctx, "dirty-server")
		Expect(lost(ctx, "dirty-server", 500)).To(BeNumerically("~", 0.36, 0.09))
	})

	It("are missed by status, and come back with the next up", func(ctx SpecContext) {
		server, err := l.Node("slow-server")
		Expect(err).NotTo(HaveOccurred())
		_, err = server.Exec(ctx, "tc", "qdisc", "del", "dev", "slow", "root")
		Expect(err).NotTo(HaveOccurred())
		state, err := l.Status(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(state.Problems).To(ContainElement(ContainSubstring("client slow-server: network slow: the rate is not in force")))
		labtest.UpUnjudged(ctx, "impairment", load())
		state, err = l.Status(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(state.Problems).To(BeEmpty())
	})

	It("change with the next up, unless a fault is in force", func(ctx SpecContext) {
		s := load()
		s.Spec.Networks[0].Impairment = &scenario.Impairment{Delay: scenario.Duration(30 * time.Millisecond)}
		s.Spec.Networks[1].Impairment = nil
		f := l.Inject(ctx, &fault.Loss{Node: "client", Network: "clean", Percent: 1})
		_, err := lab.Up(ctx, lab.Options{Name: l.Plan.Lab, Scenario: s})
		Expect(err).To(MatchError(ContainSubstring("want no fault while impairments change")))
		Expect(f.Clear(ctx)).To(Succeed())
		l = labtest.UpUnjudged(ctx, "impairment", s)
		share, trip := seen(ctx, "clean-server", 200)
		Expect(share).To(BeZero())
		Expect(trip).To(BeNumerically("~", 60*time.Millisecond, 8*time.Millisecond))
		Expect(lost(ctx, "lossy-server", 500)).To(BeZero())
	})

	It("leave no process behind", func(ctx SpecContext) {
		processes := func() (all []string) {
			files, err := filepath.Glob("/proc/[0-9]*/cmdline")
			Expect(err).NotTo(HaveOccurred())
			for _, file := range files {
				if data, err := os.ReadFile(file); err == nil && bytes.HasPrefix(data, []byte("skidpad-delay\x00"+l.Plan.Lab+"\x00")) {
					all = append(all, string(data))
				}
			}
			return all
		}
		before := processes()
		_, err := lab.Down(ctx, l.Plan.Lab)
		Expect(err).NotTo(HaveOccurred())
		Expect(processes()).To(BeEmpty(), "of %d before", len(before))
		l = nil
	})

	It("are refused with the reason if the kernel lacks the means, before anything is made", func(ctx SpecContext) {
		s := labtest.Load("cilium-bgp-vrrp")
		s.Spec.Networks[0].Impairment = &scenario.Impairment{Delay: scenario.Duration(20 * time.Millisecond)}
		skip, err := lab.Obstacle(ctx, s)
		Expect(err).NotTo(HaveOccurred())
		if skip == nil {
			Skip("this kernel has NET_SCH_NETEM: the delay can be made here")
		}
		Expect(skip.Error()).To(ContainSubstring("CONFIG_NET_SCH_NETEM (network " + s.Spec.Networks[0].Name + ", impairment: delay or corruption for cluster nodes)"))
	})
})
