package bgp_test

import (
	"net/netip"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// restartFor bounds the time from the death of bgpd to the new session: watchfrr notices the death, and starts bgpd
// again within 6 s.
var restartFor = labtest.Patience(15 * time.Second)

// routers brings up a lab of routers alone from testdata; change may edit the scenario before.
func routers(ctx SpecContext, file, name string, change func(*scenario.Scenario)) *labtest.Lab {
	GinkgoHelper()
	s, err := scenario.Load(filepath.Join("testdata", file+".yaml"), lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	if change != nil {
		change(s)
	}
	return labtest.Up(ctx, name, s)
}

// network returns the prefix of a network of the lab.
func network(l *labtest.Lab, name string) netip.Prefix {
	GinkgoHelper()
	for _, n := range l.Plan.Networks {
		if n.Name == name {
			return n.Subnet
		}
	}
	Fail("lab bug: no network " + name)
	return netip.Prefix{}
}

// answered expects an answer to every datagram from the client to the server for a second, as soon as r1 and r2 have
// routes to each other's networks. The sessions are up a moment earlier.
func answered(ctx SpecContext, l *labtest.Lab) {
	GinkgoHelper()
	for router, to := range map[string]string{"r1": "right", "r2": "left"} {
		Eventually(ctx, l.NextHops).WithArguments(router, network(l, to)).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(HaveLen(1), "%s on %s", to, router)
	}
	for _, r := range l.Probe(ctx, "client", "client/server", 100, time.Second).Wait(ctx) {
		Expect(r).To(labtest.LoseAtMost(0))
	}
}

var _ = Describe("A route reflector (RFC 4456)", Label("bgp", "frr", "ibgp", "reflector"), Ordered, func() {
	var l *labtest.Lab
	var right netip.Prefix
	BeforeAll(func(ctx SpecContext) {
		l = routers(ctx, "reflector", "reflector", nil)
		right = network(l, "right")
	})

	It("advertises its clients' routes to each other, with originator ID and its own cluster ID, and packets take the routes", func(ctx SpecContext) {
		rr, r2 := l.Plan.Routers[0].BGP.RouterID, l.Plan.Routers[2].BGP.RouterID
		Eventually(ctx, l.Paths).WithArguments("r1", right).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(And(HaveLen(1), HaveEach(And(
			HaveField("Internal", true), HaveField("Peer", l.Plan.Routers[0].Networks[0].Address),
			HaveField("Originator", r2), HaveField("Clusters", ConsistOf(rr))))))
		answered(ctx, l)
	})

	It("is necessary: a plain router advertises no route from an internal peer to another internal peer (negative control)", Label("negative-control"), func(ctx SpecContext) {
		neighbor := "neighbor " + l.Plan.Routers[2].Networks[1].Address.String() + " route-reflector-client"
		other := "neighbor " + l.Plan.Routers[1].Networks[1].Address.String() + " route-reflector-client"
		in := []string{"router bgp 64513", "address-family ipv4 unicast"}
		l.Configure(ctx, "rr", append(in, "no "+neighbor, "no "+other), append(in, neighbor, other))
		Eventually(ctx, l.NextHops).WithArguments("r1", right).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(BeEmpty())
		Eventually(ctx, l.Paths).WithArguments("rr", right).WithTimeout(changeWithin).WithPolling(labtest.Often).Should(HaveLen(1), "the reflector has the route itself")
		Consistently(ctx, l.NextHops).WithArguments("r1", right).WithTimeout(3 * time.Second).WithPolling(labtest.Often).Should(BeEmpty())
	})
})

var _ = Describe("While a router's BGP daemon is killed and comes back, packets via the router", Label("bgp", "frr", "graceful-restart"), Serial, func() {
	// killed kills r2's bgpd, waits for the new session, and returns the results of a flow via r2.
	killed := func(ctx SpecContext, name string, graceful bool) []probe.Result {
		GinkgoHelper()
		l := routers(ctx, "pair", name, func(s *scenario.Scenario) {
			for i := range s.Spec.Routers {
				s.Spec.Routers[i].BGP.GracefulRestart = graceful
			}
		})
		answered(ctx, l)
		r1, err := l.Router("r1")
		Expect(err).NotTo(HaveOccurred())
		r2, err := l.Node("r2")
		Expect(err).NotTo(HaveOccurred())
		flow, began := l.Probe(ctx, "client", "client/server", 200, 2*restartFor), time.Now()
		_, err = r2.Exec(ctx, "pkill", "-KILL", "-x", "bgpd")
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, func() (bool, error) {
			all, err := r1.Sessions(ctx)
			return len(all) == 1 && all[0].State == bgp.Established && all[0].Uptime < time.Since(began), err
		}).WithTimeout(restartFor).WithPolling(labtest.Often).Should(BeTrue(), "a new session")
		return flow.Stop(ctx)
	}

	It("go on with graceful restart (RFC 4724)", func(ctx SpecContext) {
		Expect(killed(ctx, "restart", true)).To(HaveEach(labtest.LoseAtMost(500 * time.Millisecond)))
	})

	It("are lost for seconds without it (negative control)", Label("negative-control"), func(ctx SpecContext) {
		Expect(killed(ctx, "restart-off", false)).To(HaveEach(Not(labtest.LoseAtMost(time.Second))))
	})
})
