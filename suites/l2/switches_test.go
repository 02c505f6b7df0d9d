package l2_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ = Describe("A switch with MLD snooping that drops multicast packets without known listeners", Label("l2", "ipv6", "switches"), Ordered, func() {
	var l *labtest.Lab
	BeforeAll(func(ctx SpecContext) {
		s, err := scenario.Load("testdata/switches.yaml", lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		l = labtest.UpUnjudged(ctx, "switches", s)
	})
	AfterAll(func(ctx SpecContext) {
		if l != nil {
			_, err := lab.Down(ctx, l.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		}
	})
	// answers sends one echo request from one host to the other.
	answers := func(ctx context.Context, at string) error {
		one, err := l.Node("one")
		if err == nil {
			_, err = one.Exec(ctx, "ping", "-c", "1", "-W", "1", at)
		}
		return err
	}

	It("passes IPv4 and no IPv6 if nobody asks for listeners, and a plain bridge passes both (negative control)", Label("negative-control"), func(ctx SpecContext) {
		for range 3 {
			Expect(answers(ctx, "10.64.1.202")).To(Succeed())
			Expect(answers(ctx, "2001:db8:64:1::202")).NotTo(Succeed())
			Expect(answers(ctx, "10.64.3.202")).To(Succeed())
			Expect(answers(ctx, "2001:db8:64:3::202")).To(Succeed())
		}
	})

	It("passes IPv6, too, once a querier asks for listeners", Label("slow"), func(ctx SpecContext) {
		Expect(answers(ctx, "10.64.2.202")).To(Succeed())
		Eventually(ctx, answers).WithArguments("2001:db8:64:2::202").WithTimeout(believed).WithPolling(often).Should(Succeed())
	})
})
