package lifecycle_test

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

// docker runs the engine's command line against the machine's engine.
func (v *victim) docker(ctx context.Context, args ...string) string {
	GinkgoHelper()
	out, err := exec.CommandContext(ctx, "docker", append([]string{"--host", v.Address}, args...)...).CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "docker %v\n%s", args, out)
	return strings.TrimSpace(string(out))
}

// inside runs a shell script on the machine.
func (v *victim) inside(ctx context.Context, script string) {
	GinkgoHelper()
	out, err := v.Command(ctx, nil, "sh", "-c", script).CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s\n%s", script, out)
}

// addresses are the addresses of the lab's containers.
func (v *victim) addresses(ctx context.Context) string {
	GinkgoHelper()
	names := strings.Fields(v.docker(ctx, "ps", "--all", "--filter=name=skidpad-"+v.lab, "--format={{.Names}}"))
	slices.Sort(names)
	return v.docker(ctx, append([]string{"inspect", "--format={{.Name}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{.IPPrefixLen}} {{end}}"}, names...)...)
}

// answers expects that the client reaches the server.
func (v *victim) answers(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() error {
		out, err := v.skidpad(ctx, "probe", "--from", "client", "--to", "client/server", "--rate", "50", "--for", "1s", "--name", v.lab).CombinedOutput()
		GinkgoWriter.Printf("%s", out)
		return err
	}).WithTimeout(labtest.Patience(20 * time.Second)).Should(Succeed())
}

var _ = Describe("An engine", Label("lifecycle", "engine", "slow"), Ordered, ContinueOnFailure, Serial, func() {
	var v *victim
	BeforeAll(func(ctx SpecContext) {
		v = newVictim(ctx)
		v.restarted = true
	})

	steps := map[string]int{}
	strikes := func(what string, moments int, s sweep, strike func(SpecContext), after func(SpecContext)) {
		for i := range moments {
			It(fmt.Sprintf("%s during %s, at moment %d of %d, costs no lab that `up` cannot complete and `down` cannot remove", what, s.what, i+1, moments), func(ctx SpecContext) {
				if s.without {
					v.do(ctx, "down")
				} else {
					v.do(ctx, "up", file, "--no-checks")
				}
				if steps[s.what] == 0 {
					steps[s.what], _ = v.steps.strike(s.command(ctx, v), 0, false, nil)
					v.do(ctx, map[bool][]string{true: {"down"}, false: {"up", file, "--no-checks"}}[s.without]...)
				}
				at := 2 + i*(steps[s.what]-2)/moments
				_, where := v.steps.strike(s.command(ctx, v), at, i%2 == 1, func(*exec.Cmd) { strike(ctx) })
				AddReportEntry("struck", fmt.Sprintf("%s: step %d of %d, %s", s.what, at, steps[s.what], where))
				after(ctx)
				if i%2 == 0 {
					v.complete(ctx)
				} else {
					v.gone(ctx)
				}
			})
		}
	}
	killed := func(ctx SpecContext) { _ = v.Command(ctx, nil, "pkill", "-KILL", "-x", "dockerd").Run() }
	cut := func(ctx SpecContext) { _ = exec.CommandContext(ctx, "docker", "kill", v.Container).Run() }
	on := func(ctx SpecContext) {
		v.PowerOn(ctx)
		v.foreign(ctx, false)
	}
	up := sweep{what: "up", args: []string{"up", file}, without: true}
	down := sweep{what: "down", args: []string{"down"}}
	fault := sweep{what: "fault", args: []string{"fault", "kill", "r2", "--for", "1s"}}
	strikes("killed", 6, up, killed, func(ctx SpecContext) { v.Await(ctx) })
	strikes("killed", 2, down, killed, func(ctx SpecContext) { v.Await(ctx) })
	strikes("killed", 2, fault, killed, func(ctx SpecContext) { v.Await(ctx) })
	strikes("without power", 3, up, cut, on)
	strikes("without power", 2, fault, cut, on)

	It("that stops under a lab is named by `status`; after its start `status` names the parts, and `up` brings the lab back with its addresses", func(ctx SpecContext) {
		v.complete(ctx)
		before := v.addresses(ctx)
		v.inside(ctx, "touch /run/off; pkill -TERM -x dockerd; while pgrep -x dockerd; do sleep 0.1; done")
		out, err := v.Command(ctx, []string{"DOCKER_HOST=unix:///run/docker.sock"}, "/opt/skidpad/skidpad", "status", "--name", v.lab).CombinedOutput()
		Expect(err).To(HaveOccurred())
		Expect(string(out)).To(ContainSubstring("no engine answers"))
		v.inside(ctx, "rm /run/off")
		v.Await(ctx)
		Expect(v.problems(ctx)).To(ContainElements(ContainSubstring("router r1: it is exited"), ContainSubstring("client server: it is exited")))
		v.complete(ctx)
		Expect(v.addresses(ctx)).To(Equal(before))
		v.answers(ctx)
	})

	DescribeTable("that restarts a container of a lab leaves a lab that `up` completes, with the same addresses,", func(ctx SpecContext, node string) {
		v.complete(ctx)
		before := v.addresses(ctx)
		v.docker(ctx, "restart", "--time=1", "skidpad-"+v.lab+"-"+node)
		AddReportEntry("status", strings.Join(v.problems(ctx), "; "))
		v.complete(ctx)
		Expect(v.addresses(ctx)).To(Equal(before))
		v.answers(ctx)
	},
		Entry("a router", "r2"),
		Entry("a client", "client"),
		Entry("a server", "server"),
	)

	It("that kills a router for want of memory leaves a lab that `up` completes", func(ctx SpecContext) {
		v.complete(ctx)
		r2 := "skidpad-" + v.lab + "-r2"
		v.docker(ctx, "update", "--memory=64m", "--memory-swap=64m", r2)
		// The kernel chooses the largest process, so every process of the router is the largest once.
		_ = exec.CommandContext(ctx, "docker", "--host", v.Address, "exec", r2, "sh", "-c", "echo 1000 > /proc/1/oom_score_adj; echo -1000 > /proc/self/oom_score_adj; tail /dev/zero").Run()
		AddReportEntry("status", strings.Join(v.problems(ctx), "; "))
		v.docker(ctx, "update", "--memory=1g", "--memory-swap=1g", r2)
		v.complete(ctx)
		v.answers(ctx)
	})
})

var _ = Describe("An engine with a full disk", Label("lifecycle", "engine", "slow"), Ordered, Serial, func() {
	var v *victim
	const fill = "dd if=/dev/zero of=/var/lib/docker/full bs=1M; true"
	BeforeAll(func(ctx SpecContext) {
		v = newVictimWith(ctx, []string{"--mount=type=tmpfs,destination=/var/lib/docker,tmpfs-size=1g"})
	})

	It("makes no lab, `up` names the reason, and `down` leaves nothing", func(ctx SpecContext) {
		v.inside(ctx, fill)
		out, err := v.skidpad(ctx, "up", file, "--name", v.lab).CombinedOutput()
		GinkgoWriter.Printf("%s", out)
		Expect(err).To(HaveOccurred())
		Expect(string(out)).To(ContainSubstring("no space left on device"))
		v.gone(ctx)
	})

	It("makes the lab once there is room, and `down` works on a full disk", func(ctx SpecContext) {
		v.inside(ctx, "rm /var/lib/docker/full")
		v.complete(ctx)
		v.inside(ctx, fill)
		Expect(v.problems(ctx)).To(BeEmpty())
		v.gone(ctx)
	})
})
