package bgp_test

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// joined brings up the pair of routers with a point-to-point link or a bridge between the routers.
func joined(ctx SpecContext, name string, pointToPoint bool) *labtest.Lab {
	GinkgoHelper()
	s, err := scenario.Load(filepath.Join("testdata", "pair.yaml"), lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	s.Spec.Networks[1].PointToPoint = pointToPoint
	return labtest.Up(ctx, name, s)
}

// stateAtR1 returns the state of the session of r1 with r2. For Eventually.
func stateAtR1(ctx context.Context, l *labtest.Lab) (state bgp.State, err error) {
	r1, err := l.Router("r1")
	if err != nil {
		return state, err
	}
	all, err := r1.Sessions(ctx)
	if err == nil && len(all) != 1 {
		err = errors.New("r1 has not exactly one session")
	}
	if err != nil {
		return state, err
	}
	return all[0].State, nil
}

var _ = Describe("The session of two routers, after one end of their link went down,", Label("bgp", "frr", "topology"), Serial, func() {
	linkDown := &fault.LinkDown{Node: "r2", Network: "middle"}

	It("ends within 2 s at the other end of a point-to-point link, because the carrier falls, and comes back", func(ctx SpecContext) {
		l := joined(ctx, "carrier-link", true)
		Eventually(ctx, stateAtR1).WithArguments(l).WithTimeout(sessionsWithin).Should(Equal(bgp.Established))
		down := l.Inject(ctx, linkDown)
		Eventually(ctx, stateAtR1).WithArguments(l).WithTimeout(2 * time.Second).WithPolling(labtest.Often).ShouldNot(Equal(bgp.Established))
		Expect(down.Clear(ctx)).To(Succeed())
		Eventually(ctx, stateAtR1).WithArguments(l).WithTimeout(sessionsWithin).Should(Equal(bgp.Established))
	})

	It("stays for 4 s at the other end of a bridge, and ends with the hold time of 9 s (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l := joined(ctx, "carrier-bridge", false)
		Eventually(ctx, stateAtR1).WithArguments(l).WithTimeout(sessionsWithin).Should(Equal(bgp.Established))
		l.Inject(ctx, linkDown)
		Consistently(ctx, stateAtR1).WithArguments(l).WithTimeout(4 * time.Second).WithPolling(labtest.Often).Should(Equal(bgp.Established))
		Eventually(ctx, stateAtR1).WithArguments(l).WithTimeout(labtest.Patience(20 * time.Second)).ShouldNot(Equal(bgp.Established))
	})
})
