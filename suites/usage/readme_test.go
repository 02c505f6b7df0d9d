package usage_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/labtest"
)

// inBlock finds the commands in a Markdown file, indented by four spaces.
var inBlock = regexp.MustCompile(`(?m)^    ((?:bin/skidpad|make) [^#\n]*)`)

// untested lists the README's commands that a spec cannot run: `make test` runs this spec.
var untested = []string{"make test"}

func shown(file string) []string {
	text, err := os.ReadFile(filepath.Join(labtest.Source(), file))
	Expect(err).NotTo(HaveOccurred())
	var all []string
	for _, m := range inBlock.FindAllStringSubmatch(string(text), -1) {
		all = append(all, strings.TrimSpace(m[1]))
	}
	return all
}

// sh runs a line as a reader would, in the project's folder, without a terminal.
func sh(ctx SpecContext, line string) (string, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = labtest.Source()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var _ = Describe("The README", Label("usage"), Ordered, Serial, func() {
	It("shows commands that work in the order of the text and leave nothing behind", func(ctx SpecContext) {
		commands := shown("README.md")
		Expect(len(commands)).To(BeNumerically(">", 7), "the README's commands were not found")
		Expect(lab.List(ctx)).To(Or(BeEmpty(), HaveEach(HaveField("Name", "cilium-bgp-vrrp"))), "the README's commands mean the only lab; `skidpad down --name NAME` takes down another")
		for _, line := range commands {
			if line == untested[0] {
				continue
			}
			By(line)
			out, err := sh(ctx, line)
			Expect(err).NotTo(HaveOccurred(), "%s\n%s", line, out)
		}
		out, err := sh(ctx, "bin/skidpad ls -o json")
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.TrimSpace(out)).NotTo(ContainSubstring("cilium-bgp-vrrp"))
	})
})
