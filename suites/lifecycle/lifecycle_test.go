package lifecycle_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// small is a lab of one control plane, one worker and one router, beside another lab.
func small() *scenario.Scenario { return load(filepath.Join("testdata", "small.yaml")) }

// bare is a lab of routers without a cluster.
func bare() *scenario.Scenario {
	return load(filepath.Join(labtest.Source(), "scenarios", "frr-bfd", "scenario.yaml"))
}

func load(file string) *scenario.Scenario {
	GinkgoHelper()
	s, err := scenario.Load(file, lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	return s
}

var _ = Describe("A lab", Label("lifecycle"), Ordered, Serial, func() {
	DescribeTable("runs beside another lab, and still answers after the other lab is taken down,",
		func(ctx SpecContext, other func() *scenario.Scenario) {
			first := labtest.Look(ctx, "cilium-bgp-vrrp")
			before := labtest.ReadHost(ctx)
			second := labtest.Up(ctx, "beside", other())
			Expect(check.Look(ctx, second.Lab, check.Of(second.Plan.Scenario), nil)).To(labtest.Hold())

			flow := first.Probe(ctx, "client", "loadBalancer/echo", 100, time.Minute)
			removed, err := lab.Down(ctx, second.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
			Expect(removed).NotTo(BeEmpty())
			for _, r := range flow.Stop(ctx) {
				Expect(r).To(labtest.LoseAtMost(0))
			}
			Expect(labtest.ReadHost(ctx).Left(before)).To(BeEmpty())
			Expect(check.Look(ctx, first.Lab, check.Of(first.Plan.Scenario), nil)).To(labtest.Hold())
		},
		Entry("a lab of routers", bare),
		Entry("a lab with a cluster", Label("slow"), small),
	)

	It("is found healthy by a second `up` in under 3 seconds, or more where the machine is slower than the reference", func(ctx SpecContext) {
		l := labtest.Look(ctx, "cilium-bgp-vrrp")
		start := time.Now()
		labtest.Up(ctx, "cilium-bgp-vrrp", l.Plan.Scenario)
		Expect(time.Since(start)).To(BeNumerically("<", labtest.Patience(3*time.Second)))
	})

	It("refuses another scenario, and names the differences", func(ctx SpecContext) {
		l := labtest.Look(ctx, "cilium-bgp-vrrp")
		_, err := lab.Up(ctx, lab.Options{Name: l.Plan.Lab, Scenario: small(), Progress: labtest.Quiet{}})
		Expect(err).To(BeAssignableToTypeOf(&lab.DiffersError{}))
		Expect(err).To(MatchError(ContainSubstring("spec.cluster.workers: runs 2, asked for 1")))
	})

	It("is completed by `up` after a router was removed", func(ctx SpecContext) {
		l := labtest.Open(ctx, "cilium-bgp-vrrp")
		container, err := l.Container("r2")
		Expect(err).NotTo(HaveOccurred())
		labtest.RemoveContainer(ctx, container)
		st, err := l.Status(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(st.Problems).To(ContainElement(ContainSubstring("router r2: it is absent")))
		l = labtest.Up(ctx, "cilium-bgp-vrrp", l.Plan.Scenario)
		Expect(check.Look(ctx, l.Lab, check.Of(l.Plan.Scenario), nil)).To(labtest.Hold())
	})
})
