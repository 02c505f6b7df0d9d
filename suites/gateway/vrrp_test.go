package gateway_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

var _ = Describe("The VRRP gateway", Label("gateway", "vrrp", "failover"), Serial, func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		Eventually(ctx, l.HolderOf).WithArguments("gw").Within(20 * time.Second).ProbeEvery(100 * time.Millisecond).Should(Equal("r1"))
	})

	// back brings r1 back to what the plan says, and waits until it holds the address again.
	back := func(ctx SpecContext) {
		r1, err := l.Router("r1")
		Expect(err).NotTo(HaveOccurred())
		Expect(r1.Restart(ctx)).To(Succeed())
		Eventually(ctx, l.HolderOf).WithArguments("gw").Within(30 * time.Second).ProbeEvery(100 * time.Millisecond).Should(Equal("r1"))
	}

	It("moves to r2 when r1 stops, and a flow through it is answered again within a second", func(ctx SpecContext) {
		DeferCleanup(back)
		flow := l.Probe(ctx, "client", "loadBalancer/echo", 200, time.Minute)
		r1, err := l.Router("r1")
		Expect(err).NotTo(HaveOccurred())
		Expect(r1.Stop(ctx)).To(Succeed())
		Eventually(ctx, l.HolderOf).WithArguments("gw").Within(5 * time.Second).ProbeEvery(50 * time.Millisecond).Should(Equal("r2"))
		for _, r := range flow.Stop(ctx) {
			Expect(r).To(labtest.LoseAtMost(time.Second))
		}
	})

	It("leaves a router that has lost its BGP routes", func(ctx SpecContext) {
		DeferCleanup(back)
		r1, err := l.Node("r1")
		Expect(err).NotTo(HaveOccurred())
		_, err = r1.Exec(ctx, "vtysh", "-c", "configure terminal", "-c", "router bgp 64513", "-c", "bgp shutdown")
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, l.HolderOf).WithArguments("gw").Within(20 * time.Second).ProbeEvery(100 * time.Millisecond).Should(Equal("r2"))
	})

	It("answers nobody while both routers are stopped (negative control)", Label("negative-control"), func(ctx SpecContext) {
		for _, name := range []string{"r1", "r2"} {
			r, err := l.Router(name)
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func(ctx SpecContext) { Expect(r.Restart(ctx)).To(Succeed()) })
			Expect(r.Stop(ctx)).To(Succeed())
		}
		_, err := l.HolderOf(ctx, "gw")
		Expect(err).To(HaveOccurred())
		for _, r := range l.Probe(ctx, "client", "loadBalancer/echo", 100, time.Second).Wait(ctx) {
			Expect(r.LostAtLeast).To(Equal(r.Sent))
		}
	})
})
