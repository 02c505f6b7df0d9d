package lifecycle_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/labtest"
)

// The steps are spread over a bring-up; sweep_test.go has more of them, and all commands, on a machine of its own.
var _ = Describe("A killed `up`", Label("lifecycle"), Ordered, ContinueOnFailure, Serial, func() {
	var name, socket string
	var s *steps
	BeforeAll(func() {
		name = labtest.Name("killed")
		dir, err := os.MkdirTemp("", "skidpad-killed-")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(os.RemoveAll(dir)).To(Succeed()) })
		socket = filepath.Join(dir, "engine.sock")
		s = proxy(socket, func() string { return "/var/run/docker.sock" })
	})
	up := func(scenario string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(labtest.Source(), "bin", "skidpad"), "up", scenario, "--name", name)
		cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+socket)
		cmd.Stderr = GinkgoWriter
		return cmd
	}

	DescribeTable("leaves nothing behind after `down`,", func(ctx SpecContext, scenario string, at int) {
		before := labtest.ReadHost(ctx)
		cmd := up(scenario)
		n, where := s.strike(cmd, at, at%2 == 1, func(cmd *exec.Cmd) { _ = cmd.Process.Kill() })
		Expect(where).NotTo(BeEmpty(), "`up` ended by itself after %d steps", n)

		start := time.Now()
		removed, err := lab.Down(ctx, name)
		Expect(err).NotTo(HaveOccurred())
		AddReportEntry("down", fmt.Sprintf("killed at step %d, %s: %d objects removed in %.1fs", at, where, len(removed), time.Since(start).Seconds()))
		// The engine finishes an accepted request a little after the client is gone.
		Consistently(func() []string { return labtest.ReadHost(ctx).Left(before) }).WithTimeout(time.Second).WithPolling(500 * time.Millisecond).Should(BeEmpty())
	},
		killedAt("a lab of routers", "frr-bfd", nil, 22, 45, 121),
		killedAt("a lab with a cluster", "cilium-bgp-vrrp", Label("slow"), 21, 36, 52, 67, 82, 98, 113, 128, 144, 159, 174, 190),
	)

	It("does not disturb a later `up` of the same lab", Label("slow"), func(ctx SpecContext) {
		DeferCleanup(func(ctx SpecContext) {
			_, err := lab.Down(ctx, name)
			Expect(err).NotTo(HaveOccurred())
		})
		Expect(up("cilium-bgp-vrrp").Run()).To(Succeed())
	})
})

// killedAt makes an entry for each step.
func killedAt(what, scenario string, labels Labels, steps ...int) (entries []TableEntry) {
	for _, at := range steps {
		entries = append(entries, Entry(fmt.Sprintf("%s, killed at step %d", what, at), labels, scenario, at))
	}
	return entries
}
