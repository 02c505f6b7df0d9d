package lifecycle_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/moby/moby/client"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
)

// used is the processor time of all containers of a lab.
func used(ctx context.Context, l *labtest.Lab) map[string]time.Duration {
	GinkgoHelper()
	containers, err := l.Engine().Containers(ctx, l.Plan.Lab)
	Expect(err).NotTo(HaveOccurred())
	all := map[string]time.Duration{}
	for _, c := range containers {
		all[c.Name], err = l.Engine().Processor(ctx, c.Name)
		Expect(err).NotTo(HaveOccurred())
	}
	return all
}

// started is the start of each container of each pod.
func started(ctx context.Context, l *labtest.Lab) map[string]time.Time {
	GinkgoHelper()
	pods, err := l.Kube.Client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	all := map[string]time.Time{}
	for _, p := range pods.Items {
		for _, c := range p.Status.ContainerStatuses {
			if c.State.Running != nil {
				all[p.Name+"/"+c.Name] = c.State.Running.StartedAt.Time
			}
		}
	}
	return all
}

var _ = Describe("A parked lab", Label("lifecycle", "park"), Ordered, Serial, func() {
	var l *labtest.Lab
	BeforeAll(func(ctx SpecContext) { l = labtest.Up(ctx, "parked", bare()) })

	It("is refused while a fault is in force, and the fault can still be cleared", func(ctx SpecContext) {
		f := l.Inject(ctx, &fault.LinkDown{Node: "r2", Network: "middle"})
		Expect(lab.Park(ctx, l.Plan.Lab)).To(MatchError(And(ContainSubstring("cannot be parked: fault "), ContainSubstring("fault clear"))))
		Expect(f.Clear(ctx)).To(Succeed())
		Eventually(ctx, func() error { return l.Base(ctx) }).WithTimeout(time.Minute).Should(Succeed())
	})

	It("uses no processor time, is listed as parked, and may be parked again", func(ctx SpecContext) {
		Expect(lab.Park(ctx, l.Plan.Lab)).To(Succeed())
		frozen := used(ctx, l)
		Expect(lab.Park(ctx, l.Plan.Lab)).To(Succeed())
		Expect(lab.List(ctx)).To(ContainElement(SatisfyAll(HaveField("Name", l.Plan.Lab), HaveField("Parked", true))))
		_, err := lab.Open(ctx, l.Plan.Lab)
		Expect(err).To(BeAssignableToTypeOf(&lab.ParkedError{}))
		st, err := l.Status(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(st.Problems).To(ConsistOf(ContainSubstring("the lab is parked")))
		_, err = lab.Up(ctx, lab.Options{Name: l.Plan.Lab, Scenario: small(), Progress: labtest.Quiet{}})
		Expect(err).To(BeAssignableToTypeOf(&lab.DiffersError{}), "another scenario thaws nothing")
		Consistently(func() map[string]time.Duration { return used(ctx, l) }).WithTimeout(time.Second).Should(Equal(frozen))
	})

	It("is thawed by `up`, and keeps its promises; a second `up` changes nothing", func(ctx SpecContext) {
		for range 2 {
			_, err := lab.Up(ctx, lab.Options{Name: l.Plan.Lab, Scenario: l.Plan.Scenario, Progress: labtest.Quiet{}})
			Expect(err).NotTo(HaveOccurred())
			Expect(l.Base(ctx)).To(Succeed())
		}
		Expect(check.Look(ctx, l.Lab, check.Of(l.Plan.Scenario), nil)).To(labtest.Hold())
		// The control of the spec before: a lab that runs uses processor time.
		before := used(ctx, l)
		Eventually(func() map[string]time.Duration { return used(ctx, l) }).WithTimeout(time.Minute).ShouldNot(Equal(before))
	})

	It("half thawed, as after a killed `park`, is thawed by `up`", func(ctx SpecContext) {
		Expect(lab.Park(ctx, l.Plan.Lab)).To(Succeed())
		r1, err := l.Container("r1")
		Expect(err).NotTo(HaveOccurred())
		_, err = l.Engine().Client.ContainerUnpause(ctx, r1, client.ContainerUnpauseOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = lab.Up(ctx, lab.Options{Name: l.Plan.Lab, Scenario: l.Plan.Scenario, Progress: labtest.Quiet{}})
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Base(ctx)).To(Succeed())
	})

	It("is taken down without a thaw", func(ctx SpecContext) {
		Expect(lab.Park(ctx, l.Plan.Lab)).To(Succeed())
		removed, err := lab.Down(ctx, l.Plan.Lab)
		Expect(err).NotTo(HaveOccurred())
		Expect(removed).NotTo(BeEmpty())
		Expect(lab.List(ctx)).NotTo(ContainElement(HaveField("Name", l.Plan.Lab)))
	})
})

var _ = Describe("A parked cluster", Label("lifecycle", "park", "slow"), Serial, func() {
	// Longer than the hold time of every session and the lease of every node (40 s).
	const parked = 70 * time.Second

	It("answers at the LoadBalancer address after a thaw, and no container was started again", func(ctx SpecContext) {
		l := labtest.Open(ctx, "cilium-bgp-vrrp")
		before := started(ctx, l)
		Expect(before).NotTo(BeEmpty())
		Expect(lab.Park(ctx, l.Plan.Lab)).To(Succeed())
		frozen := used(ctx, l)
		Consistently(func() map[string]time.Duration { return used(ctx, l) }).WithTimeout(parked).WithPolling(time.Second).Should(Equal(frozen))
		thaw := time.Now()
		_, err := lab.Up(ctx, lab.Options{Name: l.Plan.Lab, Scenario: l.Plan.Scenario, Progress: labtest.Quiet{}})
		Expect(err).NotTo(HaveOccurred())
		AddReportEntry("thaw", time.Since(thaw).String())
		Expect(l.Base(ctx)).To(Succeed())
		Expect(check.Look(ctx, l.Lab, check.Of(l.Plan.Scenario), nil)).To(labtest.Hold())
		Expect(started(ctx, l)).To(Equal(before))
	})
})
