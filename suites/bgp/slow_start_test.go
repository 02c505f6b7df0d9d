package bgp_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/labtest"
)

// late makes two of FRR's daemons start after 13 s each, and with them the command that starts all daemons and then loads the
// configuration.
const late = `set -e; cd /usr/lib/frr; for daemon in zebra bfdd; do mv $daemon $daemon.real
printf '#!/bin/sh\nsleep 13\nexec /usr/lib/frr/%s.real "$@"\n' $daemon >$daemon; chmod +x $daemon; done`

var _ = Describe("FRR, with daemons that take 26 s to start,", Label("bgp", "frr", "slow-start", "slow"), Serial, func() {
	It("has its configuration in the end", func(ctx SpecContext) {
		l := slow(ctx)
		r2, err := l.Router("r2")
		Expect(err).NotTo(HaveOccurred())
		Expect(r2.Restart(ctx)).To(Succeed())
		Eventually(ctx, r2.Sessions).WithTimeout(labtest.Patience(30 * time.Second)).Should(ContainElement(HaveField("State", bgp.Established)))
	})

	It("never has its configuration if watchfrr ends the start after its default of 20 s (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l := slow(ctx)
		onR2(ctx, l, `sed -i 's/--restart-timeout 600//' /usr/local/lib/skidpad/frr.sh`)
		r2, err := l.Router("r2")
		Expect(err).NotTo(HaveOccurred())
		short, cancel := context.WithTimeout(ctx, 45*time.Second)
		defer cancel()
		Expect(r2.Restart(short)).To(MatchError(ContainSubstring("last seen: router ID")))
	})
})

// slow brings up a lab with slow daemons in r2, and takes the lab down after the spec, because the script changes r2's files.
func slow(ctx context.Context) *labtest.Lab {
	GinkgoHelper()
	l := labtest.Up(ctx, "slow-start", labtest.Load("frr-bfd"))
	DeferCleanup(func(ctx SpecContext) error {
		_, err := lab.Down(ctx, l.Plan.Lab)
		return err
	})
	onR2(ctx, l, late)
	return l
}

func onR2(ctx context.Context, l *labtest.Lab, script string) {
	GinkgoHelper()
	n, err := l.Node("r2")
	Expect(err).NotTo(HaveOccurred())
	out, err := n.Exec(ctx, "sh", "-c", script)
	Expect(err).NotTo(HaveOccurred(), string(out))
}
