package usage_test

import (
	"os"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

// run runs a program in a folder outside of skidpad's source tree.
func run(ctx SpecContext, dir, program string, args ...string) string {
	GinkgoHelper()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", labtest.ReportsEnv+"=", labtest.KeepEnv+"=")
	out, err := cmd.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s %v\n%s", program, args, out)
	return string(out)
}

var _ = Describe("In the folder of another project,", Label("usage", "project"), Serial, func() {
	var dir, skidpad string

	BeforeEach(func() {
		dir, skidpad = GinkgoT().TempDir(), filepath.Join(labtest.Source(), "bin", "skidpad")
		Expect(os.CopyFS(dir, os.DirFS(filepath.Join(labtest.Source(), "fixtures", "external")))).To(Succeed())
	})

	It("a suite of the project's own brings up labs of its own scenarios, breaks a lab, judges a lab, and takes both down", func(ctx SpecContext) {
		run(ctx, dir, "go", "mod", "edit", "-replace", "skidpad.dev/skidpad="+labtest.Source())
		Expect(run(ctx, dir, "go", "test", "-mod=mod", "-count=1", "-v", ".")).To(ContainSubstring("Ran 2 of 2 Specs"))
		Expect(run(ctx, dir, skidpad, "ls", "-o", "json")).NotTo(Or(ContainSubstring("two-routers"), ContainSubstring("three-paths")))
	})

	It("the installed command finds the project's scenarios beside skidpad's own, brings up a lab, keeps its promises, and takes the lab down", func(ctx SpecContext) {
		programs := GinkgoT().TempDir()
		run(ctx, labtest.Source(), "make", "install", "GOBIN="+programs)
		skidpad, inside := filepath.Join(programs, "skidpad"), filepath.Join(dir, "scenarios")
		Expect(run(ctx, inside, skidpad, "scenarios", "list")).To(And(ContainSubstring("two-routers"), ContainSubstring("cilium-bgp-vrrp")))
		DeferCleanup(func(ctx SpecContext) { run(ctx, dir, skidpad, "down", "--name", "two-routers") })
		run(ctx, inside, skidpad, "up", "two-routers")
		Expect(run(ctx, dir, skidpad, "status", "--name", "two-routers", "-o", "json")).To(ContainSubstring(`"healthy": true`))
		Expect(run(ctx, dir, skidpad, "test", "two-routers", "-o", "json")).NotTo(ContainSubstring(`"failed"`))
	})
})
