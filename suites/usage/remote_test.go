package usage_test

import (
	"encoding/json"
	"io"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/plan"
)

var _ = Describe("A user with an engine that has namespaces of its own", Label("usage", "slow"), Ordered, Serial, func() {
	var u *user
	var far *labtest.Machine
	BeforeAll(func(ctx SpecContext) {
		e, err := docker.Connect(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(e.Close)
		u = newUser(labtest.Name("far"))
		// The user has no engine here, no Go, no tools of Debian, and is in no group.
		far = labtest.StartMachine(ctx, image.New(e, lab.Images()...), labtest.Name("engine"))
		u.env, u.group = append(u.env, "PATH="+u.home, "DOCKER_HOST="+far.Address), nobody
	})

	It("brings up routers, measures a failover, breaks, watches, captures and probes", func(ctx SpecContext) {
		p, err := lab.Draft(ctx, lab.Options{Scenario: labtest.Load("frr-bfd")})
		Expect(err).NotTo(HaveOccurred())
		far.Load(ctx, p.Images...)
		u.run(ctx, "up", "frr-bfd")
		// BFD begins when a session is Established, and at one packet a second (RFC 5880, section 6.8.3).
		Eventually(ctx, func(g Gomega, ctx SpecContext) {
			out, err := u.command(ctx, "status", "-o", "json").Output()
			var s struct{ Problems []string }
			g.Expect(json.Unmarshal(out, &s)).To(Succeed(), "%s: %v", out, err)
			g.Expect(s.Problems).To(BeEmpty())
		}).WithTimeout(labtest.Patience(20 * time.Second)).Should(Succeed())
		var result struct {
			Checks []struct{ Name, Verdict, Observed string }
		}
		Expect(json.Unmarshal(u.run(ctx, "test", "frr-bfd", "-o", "json"), &result)).To(Succeed())
		Expect(result.Checks).To(HaveLen(len(p.Scenario.Spec.Checks)))
		for _, c := range result.Checks {
			AddReportEntry(c.Name, c.Observed)
			Expect(c.Verdict).To(Equal("held"), c.Name)
		}
		Expect(run(ctx, "/", "docker", "ps", "--all", "--format={{.Names}}")).NotTo(ContainSubstring("skidpad-" + u.lab))

		seen := gbytes.NewBuffer()
		watch := u.command(ctx, "watch", "--lane", "node", "-o", "json")
		watch.Stdout, watch.Stderr = seen, io.MultiWriter(GinkgoWriter, seen)
		Expect(watch.Start()).To(Succeed())
		Eventually(ctx, seen).WithTimeout(30 * time.Second).Should(gbytes.Say("watching lab"))
		var f made
		Expect(json.Unmarshal(u.run(ctx, "fault", "linkDown", "r1", "--network", "middle", "-o", "json"), &f)).To(Succeed())
		Expect(u.inForce(ctx)).To(HaveExactElements(f))
		Eventually(ctx, seen).WithTimeout(10 * time.Second).Should(gbytes.Say(`"link-down"`))
		u.run(ctx, "fault", "clear", "--all")
		Expect(u.inForce(ctx)).To(BeEmpty())
		Eventually(ctx, seen).WithTimeout(10 * time.Second).Should(gbytes.Say(`"link-up"`))
		Expect(watch.Process.Kill()).To(Succeed())
		_ = watch.Wait() // it was killed

		u.run(ctx, "capture", "--network", "middle", "--for", "2s", "-w", "middle.pcapng")
		Eventually(ctx, func() (p struct{ Sent, LostAtLeast int }) {
			out, _ := u.command(ctx, "probe", "--from", "client", "--to", "client/server", "--rate", "100", "--for", "1s", "-o", "json").Output() // 4: the prober was late
			Expect(json.Unmarshal(out, &p)).To(Succeed())
			return p
		}).WithTimeout(30 * time.Second).Should(And(HaveField("Sent", BeNumerically(">", 50)), HaveField("LostAtLeast", 0)))
		Expect(string(u.run(ctx, "routes"))).To(ContainSubstring("r3"))
	})

	It("takes everything of the routers down", func(ctx SpecContext) {
		u.run(ctx, "down")
		Expect(run(ctx, "/", "docker", "--host", far.Address, "ps", "--all", "--quiet")).To(BeEmpty())
	})

	It("reproduces a bug", func(ctx SpecContext) {
		far.Load(ctx, plan.Image{Name: "keepalived"})
		u.run(ctx, "repro", "frr-16658") // ends with 0 only if the bug is reproduced
	})
})
