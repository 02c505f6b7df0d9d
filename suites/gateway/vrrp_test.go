package gateway_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

var _ = Describe("The VRRP gateway", Label("gateway", "vrrp", "failover"), Serial, func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		Eventually(ctx, l.HolderOf).WithArguments("gw").Within(labtest.Patience(20 * time.Second)).ProbeEvery(100 * time.Millisecond).Should(Equal("r1"))
	})

	// back makes r1 as planned again, and waits until r1 holds the address.
	back := func(ctx SpecContext) {
		r1, err := l.Router("r1")
		Expect(err).NotTo(HaveOccurred())
		Expect(r1.Restart(ctx)).To(Succeed())
		Eventually(ctx, l.HolderOf).WithArguments("gw").Within(labtest.Patience(30 * time.Second)).ProbeEvery(100 * time.Millisecond).Should(Equal("r1"))
	}

	It("moves to r2 when r1 stops, and a flow via the gateway has answers again within a second", func(ctx SpecContext) {
		DeferCleanup(back)
		flow := l.Probe(ctx, "client", "loadBalancer/echo", 200, time.Minute)
		r1, err := l.Router("r1")
		Expect(err).NotTo(HaveOccurred())
		Expect(r1.Stop(ctx)).To(Succeed())
		Eventually(ctx, l.HolderOf).WithArguments("gw").Within(labtest.Patience(5 * time.Second)).ProbeEvery(50 * time.Millisecond).Should(Equal("r2"))
		for _, r := range flow.Stop(ctx) {
			Expect(r).To(labtest.LoseAtMost(time.Second))
		}
	})

	It("leaves a router without BGP routes", func(ctx SpecContext) {
		DeferCleanup(back)
		r1, err := l.Node("r1")
		Expect(err).NotTo(HaveOccurred())
		_, err = r1.Exec(ctx, "vtysh", "-c", "configure terminal", "-c", "router bgp 64513", "-c", "bgp shutdown")
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, l.HolderOf).WithArguments("gw").Within(labtest.Patience(20 * time.Second)).ProbeEvery(100 * time.Millisecond).Should(Equal("r2"))
	})

	It("returns to r1 with an outage below 20 ms, although FRR in r1 starts 10 s late and the tracking script takes 2 s", Label("slow-start", "slow"), func(ctx SpecContext) {
		DeferCleanup(back)
		lost, outage := masterReturns(ctx, l, fmt.Sprintf("less than %v", preemption), func() {
			Eventually(ctx, l.HolderOf).WithArguments("gw").Within(labtest.Patience(time.Minute)).ProbeEvery(100 * time.Millisecond).Should(Equal("r1"))
		})
		Expect(outage).To(BeNumerically("<", preemption), "lost %d packets", lost)
	})

	It("drops packets for longer than a failover at that return if r1 has its full priority before the script has run (negative control)", Label("slow-start", "negative-control", "slow"), func(ctx SpecContext) {
		DeferCleanup(back) // registered first, so cleanup restarts r1 with all files put back
		DeferCleanup(edit(ctx, l, "r1-gw", "/etc/skidpad/gateway/keepalived.conf", func(old string) string {
			return trackedByLoss(old, l.Plan.Gateways[0].Members[0].Priority)
		}))
		// The slow script never succeeds within its timeout of 1 s, so r1 has routes in the end and does not hold the
		// gateway.
		lost, outage := masterReturns(ctx, l, fmt.Sprintf("more than %v", preemption), func() {})
		Expect(outage).To(BeNumerically(">", preemption), "lost %d packets", lost)
	})

	It("answers no packet while both routers are stopped (negative control)", Label("negative-control"), func(ctx SpecContext) {
		for _, name := range []string{"r1", "r2"} {
			r, err := l.Router(name)
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func(ctx SpecContext) { Expect(r.Restart(ctx)).To(Succeed()) })
			Expect(r.Stop(ctx)).To(Succeed())
		}
		_, err := l.HolderOf(ctx, "gw")
		Expect(err).To(HaveOccurred())
		for _, r := range l.Probe(ctx, "client", "loadBalancer/echo", 100, time.Second).Wait(ctx) {
			Expect(r.Sent).To(BeNumerically(">", 0))
			Expect(r.LostAtLeast).To(Equal(r.Sent))
		}
	})
})

// preemption is the tolerance for a return of the master: the backup forwards until the master has taken over (RFC
// 9568, 6.4.3), so the bound is 0, and the tolerance stands for a few slots of the prober at 500 Hz.
const preemption = 20 * time.Millisecond

// masterReturns stops r1, starts r1 again with slow daemons while a flow goes via r2, waits until r1 has routes, and
// then waits for returned. masterReturns returns the loss and the outage of the flow. The report shows expected beside
// them.
func masterReturns(ctx SpecContext, l *labtest.Lab, expected string, returned func()) (lost int, outage time.Duration) {
	GinkgoHelper()
	DeferCleanup(edit(ctx, l, "r1", "/usr/local/lib/skidpad/frr.sh", delayed(10)))
	DeferCleanup(edit(ctx, l, "r1-gw", "/etc/skidpad/gateway/track.sh", delayed(2)))
	r1, err := l.Router("r1")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(r1.Restart(ctx)).To(Succeed()) }) // files can be put back in a running container only
	Expect(r1.Stop(ctx)).To(Succeed())
	Eventually(ctx, l.HolderOf).WithArguments("gw").Within(labtest.Patience(10 * time.Second)).ProbeEvery(50 * time.Millisecond).Should(Equal("r2"))
	flow := l.Probe(ctx, "client", "loadBalancer/echo", 500, 3*time.Minute)
	Expect(r1.Restart(ctx)).To(Succeed())
	Eventually(ctx, r1.FIB).Within(labtest.Patience(time.Minute)).ProbeEvery(100 * time.Millisecond).Should(ContainElement(HaveField("Protocol", "bgp")))
	returned()
	for _, r := range flow.Stop(ctx) {
		Expect(r.Sent).To(BeNumerically(">", 1000))
		lost, outage = lost+r.LostAtLeast, max(outage, labtest.Outage(r))
		labtest.Tell("the return of the master", expected, fmt.Sprintf("out for %v; lost %d of %d", labtest.Outage(r), r.LostAtLeast, r.Sent))
	}
	return lost, outage
}

// delayed returns an edit of a shell script: the script waits a number of seconds before all else.
func delayed(seconds int) func(string) string {
	return func(script string) string {
		first, rest, _ := strings.Cut(script, "\n")
		return fmt.Sprintf("%s\nsleep %d\n%s", first, seconds, rest)
	}
}

// trackedByLoss edits a keepalived configuration: a failed script takes priority away, instead of a successful script
// adding priority.
func trackedByLoss(config string, priority int) string {
	config = regexp.MustCompile(`(?m)^(\tpriority) \d+$`).ReplaceAllString(config, fmt.Sprintf("${1} %d", priority))
	config = regexp.MustCompile(`(?m)^(\tweight) (\d+)$`).ReplaceAllString(config, "${1} -$2")
	return strings.Replace(config, "timeout 10", "timeout 1", 1)
}

// edit changes a file in a node's container, and returns a function that puts the file back.
func edit(ctx context.Context, l *labtest.Lab, name, path string, change func(string) string) func(SpecContext) {
	GinkgoHelper()
	n, err := l.Node(name)
	Expect(err).NotTo(HaveOccurred())
	write := func(ctx context.Context, text string) {
		GinkgoHelper()
		_, err := n.ExecInput(ctx, []byte(text), "sh", "-c", `cat >"$0"`, path)
		Expect(err).NotTo(HaveOccurred())
	}
	old, err := n.Exec(ctx, "cat", path)
	Expect(err).NotTo(HaveOccurred())
	changed := change(string(old))
	Expect(changed).NotTo(Equal(string(old)), "the change of %s changes something", path)
	write(ctx, changed)
	return func(ctx SpecContext) { write(ctx, string(old)) }
}
