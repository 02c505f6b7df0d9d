package reachability_test

import (
	"bytes"
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// needs skips a spec if the kernel lacks an option of a scenario. The refusal names the option.
func needs(ctx context.Context, s *scenario.Scenario, reason string) {
	GinkgoHelper()
	skip, err := lab.Obstacle(ctx, s)
	Expect(err).NotTo(HaveOccurred())
	if skip != nil {
		Expect(skip.Error()).To(ContainSubstring(reason))
		Skip(skip.Error())
	}
}

// answers returns the number of answers from a server to a client's 25 attempts within half a second.
func answers(ctx context.Context, l *labtest.Lab, server string) int {
	GinkgoHelper()
	r := l.Probe(ctx, "client", "client/"+server, 50, 500*time.Millisecond).Wait(ctx)
	Expect(r).To(HaveLen(1))
	return r[0].Sent - r[0].LostAtLeast
}

// problems returns what `skidpad status` finds wrong.
func problems(ctx context.Context, l *labtest.Lab) []string {
	GinkgoHelper()
	state, err := l.Status(ctx)
	Expect(err).NotTo(HaveOccurred())
	return state.Problems
}

var _ = Describe("VLANs", Label("networks", "vlan", "slow"), Ordered, Serial, func() {
	var l *labtest.Lab
	through := func(ctx context.Context, server string) int { return answers(ctx, l, server) }
	// set makes VLAN blue of r1 again, with another identifier.
	set := func(ctx context.Context, id string) {
		GinkgoHelper()
		r1, err := l.Node("r1")
		Expect(err).NotTo(HaveOccurred())
		_, err = r1.Exec(ctx, "sh", "-ec", "ip link del blue; ip link add link trunk name blue type vlan id "+id+"; ip addr add 10.71.2.11/24 dev blue; ip link set blue up")
		Expect(err).NotTo(HaveOccurred())
	}
	BeforeAll(func(ctx SpecContext) {
		s := labtest.Load("vlan")
		needs(ctx, s, "CONFIG_VLAN_8021Q (network red, vlan)")
		l = labtest.Up(ctx, "vlan", s)
		Expect(l.Judge(ctx, &check.Sessions{Established: "all", Within: scenario.DefaultWithin})).To(labtest.Hold())
	})
	AfterAll(func(ctx SpecContext) {
		if l != nil {
			_, err := lab.Down(ctx, l.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("carry packets between members with the tag on the wire, on a bridge and on a point-to-point link", func(ctx SpecContext) {
		var red, blue bytes.Buffer
		recorded := func(network string, to *bytes.Buffer) []capture.Counted {
			seen, cancel := context.WithCancel(ctx)
			ready := make(chan struct{})
			done := make(chan []capture.Counted)
			go func() {
				defer GinkgoRecover()
				counted, err := l.Capture(seen, capture.Where{Network: network}, capture.Options{}, to, func() { close(ready) })
				Expect(err).NotTo(HaveOccurred())
				done <- counted
			}()
			<-ready
			Expect(through(ctx, "far-server")).To(BeNumerically(">", 20))
			cancel()
			return <-done
		}
		Expect(recorded("red", &red)).To(ConsistOf(HaveField("Source", "red")))
		tag := []byte{0x81, 0x00, 0x00, 100, 0x08, 0x00}
		Expect(bytes.Count(red.Bytes(), tag)).To(BeNumerically(">", 40))
		recorded("blue", &blue)
		Expect(bytes.Count(blue.Bytes(), tag)).To(BeZero(), "frames of VLAN 100 in a capture of VLAN 200")
	})

	It("carry no packet to a member with another identifier, which status names and up mends (negative control)", Label("negative-control"), func(ctx SpecContext) {
		Expect(through(ctx, "server")).To(BeNumerically(">", 20))
		set(ctx, "201")
		Expect(through(ctx, "server")).To(BeZero())
		Expect(problems(ctx, l)).To(ContainElement(ContainSubstring("router r1: VLAN 200 on blue is missing")))
		l = labtest.UpUnjudged(ctx, "vlan", labtest.Load("vlan"))
		Expect(through(ctx, "server")).To(BeNumerically(">", 20))
		Expect(problems(ctx, l)).To(BeEmpty())
	})

	It("fall with the interface below, and come back with their routes", func(ctx SpecContext) {
		f := l.Inject(ctx, &fault.LinkDown{Node: "client", Network: "trunk"})
		Expect(through(ctx, "far-server")).To(BeZero())
		Expect(f.Clear(ctx)).To(Succeed())
		Eventually(ctx, func() int { return through(ctx, "far-server") }).WithTimeout(20 * time.Second).Should(BeNumerically(">", 20))
		Expect(problems(ctx, l)).To(BeEmpty())
	})
})
