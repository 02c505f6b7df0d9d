package addons_test

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// frrK8sFile is the scenario of MetalLB with frr-k8s, below the folder of all scenarios.
const frrK8sFile = "metallb-frr/frr-k8s.yaml"

var _ = Describe("MetalLB with frr-k8s", Label("frr-k8s", "addons", "slow"), func() {
	It("has a session with every node, a route via each worker, and the prefix of an FRRConfiguration beside the speakers' own", func(ctx SpecContext) {
		Expect(quick(ctx, up(ctx, "metallb-frr-k8s", frrK8sFile))).To(labtest.Hold())
	})

	It("has no session without the pods of frr-k8s, while the speakers run (negative control)", Label("negative-control"), func(ctx SpecContext) {
		l := up(ctx, "metallb-frr-k8s", frrK8sFile)
		Expect(quick(ctx, l)).To(labtest.Hold())
		on := func(ctx SpecContext, selector string) {
			confine(ctx, l, "metallb-system", "frr-k8s", selector)
		}
		DeferCleanup(func(ctx SpecContext) {
			on(ctx, "null")
			Eventually(ctx, l.Established).WithArguments("r1").WithTimeout(labtest.Patience(time.Minute)).WithPolling(labtest.Often).Should(HaveLen(3))
		})
		on(ctx, `{"no":"node"}`)
		Eventually(ctx, l.Established).WithArguments("r1").WithTimeout(labtest.Patience(30 * time.Second)).WithPolling(labtest.Often).Should(BeEmpty())
	})

	It("loses the route of a silent node when the hold time is over", Label("failover"), func(ctx SpecContext) {
		Expect(up(ctx, "metallb-frr-k8s", frrK8sFile).Judge(ctx, frozen())).To(labtest.Hold())
	})

	It("keeps the route of a silent node while a long hold time runs (negative control)", Label("failover", "negative-control"), func(ctx SpecContext) {
		raw, err := os.ReadFile(filepath.Join(labtest.Source(), "scenarios", frrK8sFile))
		Expect(err).NotTo(HaveOccurred())
		text := strings.NewReplacer(": 9s", ": 90s", ": 3s", ": 30s").Replace(string(raw))
		s, err := scenario.Parse(frrK8sFile, []byte(text), lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		Expect(labtest.Up(ctx, "metallb-frr-k8s-slow", s).Judge(ctx, frozen())).To(ConsistOf(HaveField("Verdict", check.Failed)))
	})
})
