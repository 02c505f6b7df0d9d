package addons_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// The LoadBalancer addresses of the matrix: the first of each pool that may be given, and neighbours that no Service has.
var (
	vips  = map[string]netip.Addr{"IPv4": netip.MustParseAddr("198.51.100.1"), "IPv6": netip.MustParseAddr("2001:db8:198:51::")}
	nones = map[string]netip.Addr{"IPv4": netip.MustParseAddr("198.51.100.9"), "IPv6": netip.MustParseAddr("2001:db8:198:51::9")}
)

// sessionsWithin bounds the start of all sessions of the matrix.
var sessionsWithin = labtest.Patience(45 * time.Second)

// native turns the text of the matrix into its form for the backend native: IPv4 alone, without the settings of FRR.
func native(text string) string {
	text = regexp.MustCompile(`(?m)^.*("2001:db8:|: 2001:db8:|- 2001:db8:| # FRR).*\n`).ReplaceAllString(text, "")
	return strings.ReplaceAll(text, "backend: frr", "backend: native")
}

// matrixText returns the scenario of the matrix.
func matrixText() (file, text string) {
	GinkgoHelper()
	file = filepath.Join("testdata", "metallb-matrix.yaml")
	raw, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	return file, string(raw)
}

func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// matrix is the lab of a backend.
type matrix struct{ *labtest.Lab }

// paths expects a router's paths to a prefix.
func (m matrix) paths(ctx SpecContext, router string, to netip.Prefix, matches any) {
	GinkgoHelper()
	Eventually(ctx, m.Paths).WithArguments(router, to).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(And(Not(BeEmpty()), HaveEach(matches)), "%s to %s", router, to)
}

// answers expects an answer to a router's own packets to an address.
func (m matrix) answers(ctx context.Context, router string, at netip.Addr) string {
	from, err := m.Node(router)
	Expect(err).NotTo(HaveOccurred())
	shots, err := probe.Once(ctx, from, probe.Shots{Proto: record.HTTP, Targets: []netip.AddrPort{netip.AddrPortFrom(at, 80)}, Timeout: time.Second})
	Expect(err).NotTo(HaveOccurred())
	Expect(shots).To(HaveLen(1))
	return shots[0].Error
}

// shows reads an FRR router's state of its peers, by address.
func (m matrix) shows(ctx context.Context, router string) (map[string]frrPeer, error) {
	n, err := m.Node(router)
	if err != nil {
		return nil, err
	}
	out, err := n.Exec(ctx, "vtysh", "-c", "show bgp neighbors json")
	if err != nil {
		return nil, err
	}
	var all map[string]frrPeer
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("%s: %w; the output begins %.80q", router, err, out)
	}
	return all, nil
}

type frrPeer struct {
	State   string `json:"bgpState"`
	Restart struct {
		Remote string `json:"remoteGrMode"`
	} `json:"gracefulRestartInfo"`
	BFD *struct {
		Status string `json:"status"`
	} `json:"peerBfdInfo"`
}

var _ = Describe("MetalLB's speakers", Label("metallb-matrix", "metallb", "addons", "slow"), func() {
	for _, backend := range []string{"frr", "native"} {
		Context("with the backend "+backend, Ordered, Label(backend), func() { matrixOf(backend) })
	}

	DescribeTable("announce no IPv6 with the backend native: the scenario is refused with path and line", func(field, line string) {
		file, text := matrixText()
		text = strings.ReplaceAll(native(text), "    network: fabric\n", "    network: fabric\n    ipFamily: dual\n")
		text = strings.Replace(text, field, line, 1)
		_, err := scenario.Parse(file, []byte(text), lab.Kinds())
		Expect(err).To(MatchError(And(MatchRegexp(`metallb-matrix.yaml:\d+: spec.addons\[1\].metallb`), ContainSubstring("with backend native, which announces IPv4 alone, want backend frr"))))
	},
		Entry("an internal peer", "- router: internal", "- router: internal\n              families: [ipv6]"),
		Entry("an external peer", "- router: external", "- router: external\n              families: [ipv4, ipv6]"),
		Entry("an internal peer two hops away", "- router: far-internal", "- router: far-internal\n              families: [ipv6]"),
		Entry("an external peer two hops away", "- router: far-external", "- router: far-external\n              families: [ipv6]"),
		Entry("a pool", "{name: other, cidr: 203.0.113.0/24, namespaces: [other]}", `{name: other, cidr: "2001:db8:203::/112"}`),
	)
})

// matrixOf has the specs of one backend.
func matrixOf(backend string) {
	m := matrix{}
	BeforeAll(func(ctx SpecContext) {
		file, text := matrixText()
		if backend == "native" {
			text = native(text)
		}
		s, err := scenario.Parse(file, []byte(text), lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		m.Lab = labtest.Up(ctx, "metallb-"+backend, s)
	})
	AfterAll(func(ctx SpecContext) {
		if m.Lab != nil {
			_, err := lab.Down(ctx, m.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	var cells []TableEntry
	for _, family := range []string{"IPv4", "IPv6"} {
		if family == "IPv6" && backend == "native" {
			continue // refused; see above
		}
		for _, c := range []struct{ name, router, asPath string }{
			{"an internal router", "internal", ""}, {"an external router", "external", "64512"},
			{"an internal router two hops away", "far-internal", ""}, {"an external router two hops away", "far-external", "64512"},
		} {
			cells = append(cells, Entry(c.name+" by "+family, Label(family), c.router, c.asPath, family))
		}
	}
	DescribeTable("announce the address of a Service, and only this address, to RIB, FIB and packets of", func(ctx SpecContext, router, asPath, family string) {
		vip := host(vips[family])
		Expect(m.Judge(ctx, &check.Routes{
			Routers: []string{router}, Prefixes: []netip.Prefix{vip}, Absent: []netip.Prefix{host(nones[family])}, Within: scenario.Duration(sessionsWithin),
		})).To(labtest.Hold())
		m.paths(ctx, router, vip, HaveField("ASPath", asPath))
		Eventually(ctx, m.answers).WithArguments(router, vips[family]).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(BeEmpty())
	}, cells)

	It("attach a local preference and communities as each peer is told, and to no other peer", func(ctx SpecContext) {
		vip := host(vips["IPv4"])
		m.paths(ctx, "internal", vip, And(HaveField("Communities", ConsistOf("64512:100")), HaveField("LocalPref", HaveValue(BeEquivalentTo(250)))))
		m.paths(ctx, "external", vip, HaveField("Communities", ConsistOf("64512:100")))
		m.paths(ctx, "far-external", vip, HaveField("Communities", BeEmpty()))
	})

	It("announce shorter prefixes to one peer alone", func(ctx SpecContext) {
		short := netip.MustParsePrefix("198.51.100.0/28")
		m.paths(ctx, "external", short, HaveField("ASPath", "64512"))
		Expect(m.Judge(ctx, &check.Routes{
			Routers: []string{"internal", "far-external"}, Prefixes: []netip.Prefix{host(vips["IPv4"])}, Absent: []netip.Prefix{short}, Within: scenario.DefaultWithin,
		})).To(labtest.Hold())
	})

	It("have their own hold time in one session", func(ctx SpecContext) {
		for router, want := range map[string]time.Duration{"far-external": 30 * time.Second, "external": 9 * time.Second} {
			Eventually(ctx, m.SessionsWithNodes).WithArguments(router).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(HaveKeyWithValue("control-plane", HaveField("HoldTime", want)), router)
		}
	})

	It("have a session from a loopback of one node", func(ctx SpecContext) {
		r, err := m.Router("aside")
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, r.Sessions).WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(ConsistOf(
			And(HaveField("Peer", netip.MustParseAddr("10.255.1.1")), HaveField("State", bgp.Established))))
	})

	if backend == "native" {
		return
	}

	It("have BFD and graceful restart with one peer each", func(ctx SpecContext) {
		Eventually(ctx, m.shows).WithArguments("external").WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(
			And(Not(BeEmpty()), HaveEach(HaveField("BFD", HaveValue(HaveField("Status", "Up"))))))
		Eventually(ctx, m.shows).WithArguments("far-internal").WithTimeout(sessionsWithin).WithPolling(labtest.Often).Should(
			And(Not(BeEmpty()), HaveEach(HaveField("Restart.Remote", "Restart"))))
		Expect(m.shows(ctx, "far-external")).To(HaveEach(HaveField("Restart.Remote", Not(Equal("Restart")))))
	})
}
