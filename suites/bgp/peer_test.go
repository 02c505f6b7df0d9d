package bgp_test

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/labtest"
)

// peers is the patch that replaces the nodes' peers; list has the peers' specifications as JSON.
func peers(list ...string) string {
	return fmt.Sprintf(`{"spec": {"bgpInstances": [{"name": "skidpad", "localASN": 64512, "peers": [%s]}]}}`, strings.Join(list, ", "))
}

func peer(name, address string, asn int) string {
	return fmt.Sprintf(`{"name": %q, "peerAddress": %q, "peerASN": %d, "peerConfigRef": {"name": "skidpad"}}`, name, address, asn)
}

var _ = Describe("When the nodes' peers change,", Label("bgp", "cilium", "frr", "session"), func() {
	var (
		l      *labtest.Lab
		r1, r2 string // their addresses on the nodes' network
	)
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		r1, r2 = l.Plan.Routers[0].Networks[0].Address.String(), l.Plan.Routers[1].Networks[0].Address.String()
	})
	change := func(ctx SpecContext, list ...string) {
		GinkgoHelper()
		l.Patch(ctx, cilium.BGPCluster, labtest.Planned, peers(list...))
	}

	It("the session with a removed peer ends, and the other router keeps all its routes", func(ctx SpecContext) {
		change(ctx, peer("r1", r1, 64513))
		up(ctx, l, "r2")
		up(ctx, l, "r1", l.AllNodes()...)
		e, err := l.Endpoints(ctx, "echo")
		Expect(err).NotTo(HaveOccurred())
		Expect(l.NextHops(ctx, "r1", labtest.HostPrefix(e.LoadBalancerIPs[0]))).To(ConsistOf(l.AllNodes()))
	})

	It("a session with a wrong ASN comes down and stays down (cilium#33163, negative control)", Label("negative-control"), func(ctx SpecContext) {
		change(ctx, peer("r1", r1, 64513), peer("r2", r2, 64599))
		down(ctx, l)
		up(ctx, l, "r1", l.AllNodes()...)
	})

	It("a router's new ASN is taken over once the nodes' configuration has it (cilium#33163)", func(ctx SpecContext) {
		l.Configure(ctx, "r2", []string{"router bgp 64513", "neighbor nodes local-as 64514 no-prepend replace-as"}, []string{"router bgp 64513", "no neighbor nodes local-as"})
		change(ctx, peer("r1", r1, 64513), peer("r2", r2, 64514))
		up(ctx, l, "r2", l.AllNodes()...)
	})

	It("sessions move to a router's new address, more than a hop away", Label("multihop"), func(ctx SpecContext) {
		far := l.Plan.Routers[1].Networks[1].Address.String() // on edge: reached via the gateway, which r1 holds
		l.Configure(ctx, "r2", []string{"router bgp 64513", "neighbor nodes ebgp-multihop 3"}, []string{"router bgp 64513", "no neighbor nodes ebgp-multihop"})
		l.Patch(ctx, cilium.BGPPeerConfig, labtest.Planned, `{"spec": {"ebgpMultihop": 3}}`)
		change(ctx, peer("r1", r1, 64513), peer("r2", far, 64513))
		Eventually(ctx, func() ([]string, error) { return localAddresses(ctx, l, "r2") }).WithTimeout(sessionsWithin).WithPolling(labtest.Often).
			Should(Equal([]string{far, far, far}))
	})

	It("no session comes up over two hops if the TTL allows a single hop (negative control)", Label("multihop", "negative-control"), func(ctx SpecContext) {
		far := l.Plan.Routers[1].Networks[1].Address.String()
		change(ctx, peer("r1", r1, 64513), peer("r2", far, 64513))
		down(ctx, l)
	})
})

var _ = Describe("A session", Label("bgp", "cilium", "frr", "session"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) { l = labtest.Open(ctx, "cilium-bgp-vrrp") })

	It("is established again with all routes after the router clears the session", func(ctx SpecContext) {
		before := l.Events().Len()
		n, err := l.Node("r1")
		Expect(err).NotTo(HaveOccurred())
		_, err = n.Exec(ctx, "vtysh", "-c", "clear bgp 64512")
		Expect(err).NotTo(HaveOccurred())
		up(ctx, l, "r1", l.AllNodes()...)
		e, err := l.Endpoints(ctx, "echo")
		Expect(err).NotTo(HaveOccurred())
		both(ctx, l, e.LoadBalancerIPs[0], l.AllNodes()...)
		Expect(l.Events().Len()).To(BeNumerically(">", before), "events of the session")
	})

	It("stays down with every node while the router shuts the session, and is up again afterwards", func(ctx SpecContext) {
		l.Configure(ctx, "r2", []string{"router bgp 64513", "neighbor nodes shutdown"}, []string{"router bgp 64513", "no neighbor nodes shutdown"})
		up(ctx, l, "r2")
		l.Configure(ctx, "r2", []string{"router bgp 64513", "no neighbor nodes shutdown"}, nil)
		up(ctx, l, "r2", l.AllNodes()...)
	})

	It("uses the shorter hold time of its two ends, and sends keepalives at a third of that time", Label("timers"), func(ctx SpecContext) {
		l.Patch(ctx, cilium.BGPPeerConfig, labtest.Planned, `{"spec": {"timers": {"holdTimeSeconds": 6, "keepAliveTimeSeconds": 2}}}`)
		Eventually(ctx, l.SessionsWithNodes).WithArguments("r1").WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(And(HaveLen(3),
			HaveEach(And(HaveField("State", bgp.Established), HaveField("HoldTime", 6*time.Second), HaveField("Keepalive", 2*time.Second)))))
	})

	It("uses the router's hold time if the nodes offer a longer hold time", Label("timers"), func(ctx SpecContext) {
		l.Patch(ctx, cilium.BGPPeerConfig, labtest.Planned, `{"spec": {"timers": {"holdTimeSeconds": 30, "keepAliveTimeSeconds": 10}}}`)
		up(ctx, l, "r1", l.AllNodes()...)
		Eventually(ctx, l.SessionsWithNodes).WithArguments("r1").WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(And(HaveLen(3),
			HaveEach(And(HaveField("State", bgp.Established), HaveField("HoldTime", 9*time.Second)))))
	})

	It("gets a keepalive within each keepalive interval", Label("timers"), func(ctx SpecContext) {
		count := func() (map[string]int, error) { return keepalives(ctx, l, "r1") }
		before, err := count()
		Expect(err).NotTo(HaveOccurred())
		Expect(before).To(HaveLen(len(l.AllNodes())))
		interval := l.Plan.Routers[0].BGP.Keepalive
		Eventually(ctx, func() (bool, error) {
			now, err := count()
			more := err == nil
			for peer, n := range before {
				more = more && now[peer] > n
			}
			return more, err
		}).WithTimeout(interval + 2*time.Second).WithPolling(labtest.Often).Should(BeTrue())
	})
})
