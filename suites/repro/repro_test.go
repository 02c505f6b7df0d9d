package repro_test

import (
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bug"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// load reads a bug's scenario.
func load(id string) *scenario.Scenario {
	GinkgoHelper()
	s, err := scenario.Load(filepath.Join(labtest.Source(), "scenarios", "bugs", id, "scenario.yaml"), lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	return s
}

// run reproduces a bug in labs of this suite's own.
func run(ctx SpecContext, id string, s *scenario.Scenario) *bug.Report {
	GinkgoHelper()
	r, err := bug.Run(ctx, s, bug.Options{ID: id, Name: "repro-" + id, Images: image.Auto, Dir: GinkgoT().TempDir(), Progress: labtest.Quiet{}})
	Expect(err).NotTo(HaveOccurred())
	AddReportEntry(id, r.Text())
	return r
}

// toBoth applies the steps of one half to both halves.
func toBoth(steps []scenario.BugStep, half string) []scenario.BugStep {
	var both []scenario.BugStep
	for _, s := range steps {
		if s.Only == "" || s.Only == half {
			s.Only = ""
			both = append(both, s)
		}
	}
	return both
}

var _ = Describe("Bugs of routers", Label("repro", "slow"), Serial, func() {
	DescribeTable("are reproduced, with the broken and the fixed half side by side",
		func(ctx SpecContext, id string) {
			r := run(ctx, id, load(id))
			Expect(r.Verdict).To(Equal(bug.Reproduced), r.Text())
		},
		Entry("a VRRP backup that does not forward", "frr-7391"),
		Entry("a VRRP device that outlives the link below", "frr-16658"),
		Entry("a VRRP backup that answers ARP after a flap of its link", "frr-16995"),
		Entry("an early End-of-RIB", "frr-22623"),
	)
})

var _ = Describe("The signals", Label("repro", "negative-control"), func() {
	DescribeTable("show every property right in the fixed half and wrong in the broken half",
		func(ctx SpecContext, name string) {
			s, err := scenario.Load(filepath.Join("testdata", name+".yaml"), lab.Kinds())
			Expect(err).NotTo(HaveOccurred())
			// Both halves may have the same IPv6 prefix.
			r, err := bug.Run(ctx, s, bug.Options{ID: name, Images: image.Auto, Dir: GinkgoT().TempDir(), Apart: true, Progress: labtest.Quiet{}})
			Expect(err).NotTo(HaveOccurred())
			AddReportEntry(name, r.Text())
			Expect(r.Verdict).To(Equal(bug.Reproduced), r.Text())
			for i, want := range []bug.Outcome{bug.Wrong, bug.Right} {
				for _, o := range r.Columns[i].Observed {
					if !o.Control {
						Expect(o.Outcome).To(Equal(want), "%s half, %s", r.Columns[i].Half, o.Name)
					}
				}
			}
		},
		Entry("owners and announcements of an IPv6 address", "two-owners"),
		Entry("a dropped port, duplicated packets, a rebooted router, a slow process", "faults"),
		Entry("path attributes, source addresses, ended sessions, shares of flows, sizes of packets, gratuitous ARP", Label("slow"), "signals"),
	)
})

var _ = Describe("A repeated trigger", Label("repro", "negative-control"), func() {
	It("ends at the first try that is not right, and the verdict names the number of tries", Label("slow"), func(ctx SpecContext) {
		s, err := scenario.Load(filepath.Join("testdata", "third-try.yaml"), lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		r := run(ctx, "third-try", s)
		Expect(r.Verdict).To(Equal(bug.Reproduced), r.Text())
		Expect(r.Why).To(Equal("with the counter failed as described at try 3 of 5, without the counter held in 5 tries"))
		Expect([]int{r.Columns[0].Tries, r.Columns[1].Tries}).To(Equal([]int{3, 5}))
	})
})

var _ = Describe("A verdict", Label("repro", "negative-control", "slow"), func() {
	It("is 'still broken' if the fixed half equals the broken half", func(ctx SpecContext) {
		s := load("frr-22623")
		s.Bug.Trigger = toBoth(s.Bug.Trigger, scenario.HalfBroken)
		Expect(run(ctx, "frr-22623", s).Verdict).To(Equal(bug.StillBroken))
	})

	It("is 'not reproduced' if the broken half equals the fixed half", func(ctx SpecContext) {
		s := load("frr-22623")
		s.Bug.Trigger = toBoth(s.Bug.Trigger, scenario.HalfFixed)
		Expect(run(ctx, "frr-22623", s).Verdict).To(Equal(bug.NotReproduced))
	})

	It("is 'unknown' if the deciding observation cannot be made", func(ctx SpecContext) {
		s := load("frr-7391")
		s.Bug.Setup = append(s.Bug.Setup, scenario.BugStep{Exec: &scenario.Exec{Node: "r1", Run: "false"}})
		Expect(run(ctx, "frr-7391", s).Verdict).To(Equal(bug.Undecided))
	})
})
