package lifecycle_test

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/labtest"
)

// moments are the times of the kills after the start of `up`, spread over a bring-up. The report shows the step of each
// kill.
var moments = []time.Duration{
	50 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond, 1500 * time.Millisecond, 2500 * time.Millisecond, 4 * time.Second,
	6 * time.Second, 9 * time.Second, 13 * time.Second, 18 * time.Second, 24 * time.Second, 32 * time.Second,
}

var _ = Describe("A killed `up`", Label("lifecycle", "slow"), Ordered, Serial, func() {
	var name string
	BeforeAll(func() { name = labtest.Name("killed") })
	up := func() *exec.Cmd {
		return exec.Command(filepath.Join(labtest.Source(), "bin", "skidpad"), "up", "cilium-bgp-vrrp", "--name", name)
	}

	for _, m := range moments {
		It(fmt.Sprintf("after %s leaves nothing behind after `down`", m), func(ctx SpecContext) {
			before := labtest.ReadHost(ctx)
			cmd := up()
			cmd.Stderr = GinkgoWriter
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			Expect(cmd.Start()).To(Succeed())
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case err := <-ended:
				Fail(fmt.Sprintf("`up` ended by itself before it was killed: %v", err))
			case <-time.After(m):
			}
			Expect(cmd.Process.Kill()).To(Succeed())
			var died *exec.ExitError
			Expect(errors.As(<-ended, &died)).To(BeTrue())

			start := time.Now()
			removed, err := lab.Down(ctx, name)
			Expect(err).NotTo(HaveOccurred())
			AddReportEntry("down", fmt.Sprintf("killed after %s: %d objects removed in %.1fs", m, len(removed), time.Since(start).Seconds()))
			// The engine finishes an accepted request a little after the client is gone.
			Consistently(func() []string { return labtest.ReadHost(ctx).Left(before) }).WithTimeout(3 * time.Second).WithPolling(500 * time.Millisecond).Should(BeEmpty())
		})
	}

	It("does not disturb a later `up` of the same lab", func(ctx SpecContext) {
		DeferCleanup(func(ctx SpecContext) {
			_, err := lab.Down(ctx, name)
			Expect(err).NotTo(HaveOccurred())
		})
		cmd := up()
		out, err := cmd.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
	})
})
