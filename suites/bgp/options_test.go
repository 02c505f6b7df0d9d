package bgp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// options is the lab of testdata/options.yaml, with software of the router in the middle. Every question goes to the other end
// of a session, an FRR.
type options struct {
	*labtest.Lab
	software scenario.Software
}

// has expects the paths of a router to a prefix: a matcher for each path.
func (o options) has(ctx SpecContext, router, to string, paths ...any) {
	GinkgoHelper()
	Eventually(ctx, o.Paths).WithArguments(router, netip.MustParsePrefix(to)).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(ConsistOf(paths...), "%s to %s", router, to)
}

// lacks expects that a router has no path to a prefix for 2 s, although the router has a path to the control.
func (o options) lacks(ctx SpecContext, router, to, control string) {
	GinkgoHelper()
	o.has(ctx, router, control, HaveField("Valid", true))
	Consistently(ctx, o.Paths).WithArguments(router, netip.MustParsePrefix(to)).WithTimeout(2*time.Second).WithPolling(labtest.Often).Should(BeEmpty(), "%s to %s", router, to)
}

// session returns a router's only session.
func (o options) session(ctx context.Context, router string) (bgp.Session, error) {
	r, err := o.Router(router)
	if err != nil {
		return bgp.Session{}, err
	}
	all, err := r.Sessions(ctx)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%s has %d sessions", router, len(all))
	}
	if err != nil {
		return bgp.Session{}, err
	}
	return all[0], nil
}

// up expects an established session of a router with the middle.
func (o options) up(ctx SpecContext, router string, matches OmegaMatcher) {
	GinkgoHelper()
	Eventually(ctx, o.session).WithArguments(router).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(And(HaveField("State", bgp.Established), matches), "%s", router)
}

// down expects that a router has no session with the middle for 4 s, although the middle has a session with east.
func (o options) down(ctx SpecContext, router string) {
	GinkgoHelper()
	o.up(ctx, "east", Not(BeNil()))
	Consistently(ctx, o.session).WithArguments(router).WithTimeout(4*time.Second).WithPolling(labtest.Often).ShouldNot(HaveField("State", bgp.Established), "%s", router)
}

// restart returns the middle's part in graceful restart, and its restart time in seconds, as a router has learned them.
func (o options) restart(ctx context.Context, router string) (string, error) {
	n, err := o.Node(router)
	if err != nil {
		return "", err
	}
	out, err := n.Exec(ctx, "vtysh", "-c", "show bgp neighbors json")
	if err != nil {
		return "", err
	}
	var all map[string]struct {
		State string `json:"bgpState"`
		Info  struct {
			Remote string `json:"remoteGrMode"`
			Timers struct {
				Received int `json:"receivedRestartTimer"`
			} `json:"timers"`
		} `json:"gracefulRestartInfo"`
	}
	if err := json.Unmarshal(out, &all); err != nil || len(all) != 1 {
		return "", fmt.Errorf("%s: %w; the output begins %.80q", router, err, out)
	}
	for _, n := range all {
		return fmt.Sprintf("%s: %s %d", n.State, n.Info.Remote, n.Info.Timers.Received), nil
	}
	return "", nil
}

// path matches a path by its AS path.
func path(asPath string) OmegaMatcher { return HaveField("ASPath", asPath) }

// communities matches a path by its communities, in FRR's ascending order.
func communities(all string) OmegaMatcher {
	return HaveField("Communities", ConsistOf(strings.Fields(all)))
}

var _ = Describe("A router that runs", Label("bgp", "options"), func() {
	for i, software := range []scenario.Software{"frr", "bird", "gobgp"} {
		labels := []string{string(software)}
		if software != "frr" {
			labels = append(labels, "slow")
		}
		Context(string(software), Ordered, Label(labels...), func() { optionsOf(software, fmt.Sprintf("10.6%d.0.", i+1)) })
	}
})

// optionsOf has the specs of one software. The lab has a network of its own, because labs of earlier runs may still be there.
func optionsOf(software scenario.Software, network string) {
	o := options{software: software}
	BeforeAll(func(ctx SpecContext) {
		file := filepath.Join("testdata", "options.yaml")
		text, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		s, err := scenario.Parse(file, bytes.ReplaceAll(text, []byte("10.61.0."), []byte(network)), lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		middle := &s.Spec.Routers[0]
		middle.Software = software
		for i := range middle.BGP.Peers {
			p := &middle.BGP.Peers[i]
			switch {
			case software == "gobgp" && p.Router == "inner":
				p.BFD = nil // multihop BFD
				s.Spec.Router("inner").BGP.Peers[0].BFD = nil
			case software == "gobgp":
				p.DefaultOriginate = false
			}
		}
		if software != "frr" {
			middle.BGP.Aggregates = nil
		}
		o.Lab = labtest.UpUnjudged(ctx, "options-"+string(software), s)
	})
	AfterAll(func(ctx SpecContext) { // a dozen routers at a time are enough
		if o.Lab != nil {
			_, err := lab.Down(ctx, o.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("passes routes on, and announces a static prefix", func(ctx SpecContext) {
		o.has(ctx, "east", "10.71.1.0/24", path("65000 65001"))
		o.has(ctx, "east", "203.0.113.0/24", path("65000"))
	})

	It("waits for a peer by address", func(ctx SpecContext) {
		o.has(ctx, "east", "10.73.0.0/24", path("65000 65003"))
	})

	It("dials another port of a peer", func(ctx SpecContext) {
		o.has(ctx, "east", "10.74.0.0/24", path("65000 65004"))
	})

	It("has no session with a peer of another ASN (negative control)", Label("negative-control"), func(ctx SpecContext) {
		o.down(ctx, "wrong-asn")
	})

	It("has another ASN in one session (RFC 7705)", func(ctx SpecContext) {
		o.up(ctx, "port", HaveField("PeerASN", uint32(65077)))
		o.has(ctx, "port", "10.71.1.0/24", path("65077 65001"))
		o.up(ctx, "east", HaveField("PeerASN", uint32(65000)))
	})

	It("has its own timers in one session", func(ctx SpecContext) {
		o.up(ctx, "address", HaveField("HoldTime", 30*time.Second))
		o.up(ctx, "east", HaveField("HoldTime", 9*time.Second))
	})

	DescribeTable("takes part in graceful restart (RFC 4724) as told for the session", func(ctx SpecContext, router, want string) {
		Eventually(ctx, o.restart).WithArguments(router).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(MatchRegexp(want))
	},
		Entry("with a restart time", "address", "^Established: Restart 77$"),
		Entry("as a helper", "port", "^Established: Helper "),
		Entry("not at all (negative control)", Label("negative-control"), "west", "^Established: (Disable|NotApplicable|NotReceived) 0$"),
	)

	It("rejects received routes by prefix and length, and sets a community on the rest", func(ctx SpecContext) {
		for _, rest := range []string{"10.84.2.0/24", "10.84.129.128/25"} {
			o.has(ctx, "east", rest, communities("65000:9"))
		}
		for _, rejected := range []string{"10.84.1.0/24", "10.84.129.0/24"} {
			o.lacks(ctx, "east", rejected, "10.84.2.0/24")
		}
	})

	It("accepts a route with its own ASN if told, and no other (negative control)", Label("negative-control"), func(ctx SpecContext) {
		o.lacks(ctx, "east", "10.83.0.0/24", "10.84.2.0/24")
		o.has(ctx, "east", "10.82.0.0/24", path("65000 65012 65000"))
	})

	It("accepts received routes by AS path and next hop, and rejects by community and by default", func(ctx SpecContext) {
		o.has(ctx, "east", "10.85.2.0/24", communities("65000:2 65000:3"))
		for _, rejected := range []string{"10.85.1.0/24", "10.85.3.0/24"} {
			o.lacks(ctx, "east", rejected, "10.85.2.0/24")
		}
	})

	It("sends one prefix with a longer AS path and a MED, and rejects the rest", func(ctx SpecContext) {
		o.has(ctx, "out", "10.71.2.0/24", And(path("65000 65000 65000 65000 65001"), HaveField("MED", HaveValue(BeEquivalentTo(50)))))
		o.lacks(ctx, "out", "10.71.1.0/24", "10.71.2.0/24")
	})

	It("sends all paths to a peer with ADD-PATH (RFC 7911), and one path to other peers", func(ctx SpecContext) {
		o.has(ctx, "paths", "10.90.0.0/24", path("65000 65001"), path("65000 65003"))
		o.has(ctx, "east", "10.90.0.0/24", HaveField("Valid", true))
	})

	It("has a session between loopbacks, and routes by the peer's loopback", func(ctx SpecContext) {
		o.up(ctx, "inner", HaveField("Peer", netip.MustParseAddr("10.255.0.1")))
		o.has(ctx, "east", "10.89.0.0/24", path("65000"))
		if software == "gobgp" {
			return
		}
		n, err := o.Node("inner")
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, n.Exec).WithArguments("vtysh", "-c", "show bfd peers").WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(And(
			ContainSubstring("peer 10.255.0.1 multihop"), ContainSubstring("Status: up")), "multihop BFD (RFC 5883)")
	})

	if software != "gobgp" {
		It("sends a default route to one peer alone", func(ctx SpecContext) {
			o.has(ctx, "paths", "0.0.0.0/0", path("65000"))
			o.lacks(ctx, "east", "0.0.0.0/0", "10.71.1.0/24")
		})
	}
	if software == "frr" {
		It("advertises an aggregate beside the longer routes", func(ctx SpecContext) {
			o.has(ctx, "east", "10.71.0.0/16", path("65000"))
			o.has(ctx, "east", "10.71.1.0/24", path("65000 65001"))
		})
	}
}
