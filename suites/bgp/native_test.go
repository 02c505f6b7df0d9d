package bgp_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// nativeFolder returns a copy of the lab's folder, with changes of one file: the new text by the old text.
func nativeFolder(file string, changes ...string) string {
	GinkgoHelper()
	to := GinkgoT().TempDir()
	Expect(os.CopyFS(to, os.DirFS("testdata/native"))).To(Succeed())
	if file != "" {
		text, err := os.ReadFile(filepath.Join(to, file))
		Expect(err).NotTo(HaveOccurred())
		for i := 0; i < len(changes); i += 2 {
			Expect(string(text)).To(ContainSubstring(changes[i]))
			text = []byte(strings.Replace(string(text), changes[i], changes[i+1], 1))
		}
		Expect(os.WriteFile(filepath.Join(to, file), text, 0o600)).To(Succeed())
	}
	return filepath.Join(to, "lab.yaml")
}

// upNative brings the lab of a file up, or to the file, and returns the error.
func upNative(ctx context.Context, file string) (*lab.Lab, error) {
	GinkgoHelper()
	s, err := scenario.Load(file, lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	return lab.Up(ctx, lab.Options{Name: labtest.Name("native"), Scenario: s, Images: image.Auto, Progress: quiet{}})
}

// quiet reports no progress.
type quiet struct{}

func (quiet) Begin(string, string)             {}
func (quiet) Note(string, string)              {}
func (quiet) End(string, time.Duration, error) {}

var _ = Describe("Native configuration", Label("bgp", "native", "frr", "bird", "gobgp", "exabgp"), Ordered, func() {
	var l *labtest.Lab
	BeforeAll(func(ctx SpecContext) {
		s, err := scenario.Load("testdata/native/lab.yaml", lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		l = labtest.Up(ctx, "native", s)
	})

	It("announces and refuses routes in FRR, BIRD, GoBGP and ExaBGP, and the checks judge its sessions and routes", func(ctx SpecContext) {
		for _, c := range check.Of(l.Plan.Scenario) {
			Expect(check.Run(ctx, l.Lab, c)).To(labtest.Hold(), c.Title())
		}
	})

	It("fails a check on a route that the configuration refuses, and on a peer that it lacks", func(ctx SpecContext) {
		routes, sessions := *check.Of(l.Plan.Scenario)[1].(*check.Routes), *check.Of(l.Plan.Scenario)[0].(*check.Sessions) //nolint:forcetypeassert // of lab.yaml
		routes.Prefixes, routes.Absent, routes.Within = routes.Absent, nil, scenario.Duration(labtest.Often)
		Expect(check.Run(ctx, l.Lab, &routes)).NotTo(labtest.Hold())
		sessions.Peers, sessions.Within = []check.SessionPeer{{Router: "n1", Peer: "b1"}}, scenario.Duration(labtest.Often)
		Expect(check.Run(ctx, l.Lab, &sessions)).NotTo(labtest.Hold())
	})

	It("has names replaced by addresses in the commands, variables and files of a container", func(ctx SpecContext) {
		mon, err := l.Node("mon")
		Expect(err).NotTo(HaveOccurred())
		out, err := mon.Exec(ctx, "sh", "-c", `cat /etc/motd && ping -c1 -W2 "$PEER"`)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(out)).To(ContainSubstring("the monitor of " + l.Plan.Networks[0].Subnet.String()))
	})

	It("changes in a running lab by another up, and the other sessions stay", func(ctx SpecContext) {
		file := nativeFolder("lab.yaml", "deny 198.51.100.128/25", "deny 198.51.100.0/25", "198.51.100.0/25, 192.0.2.0/24, 198.18", "198.51.100.128/25, 192.0.2.0/24, 198.18",
			"absent: [198.51.100.128/25]", "absent: [198.51.100.0/25]")
		up, err := upNative(ctx, file)
		Expect(err).NotTo(HaveOccurred())
		Expect(check.Run(ctx, up, check.Of(up.Plan.Scenario)[1])).To(labtest.Hold())
		again, err := lab.Open(ctx, labtest.Name("native"))
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Plan.Hash).To(Equal(up.Plan.Hash), "the record of the lab")
		_, err = upNative(ctx, nativeFolder(""))
		Expect(err).NotTo(HaveOccurred())
		Expect(check.Run(ctx, l.Lab, check.Of(l.Plan.Scenario)[1])).To(labtest.Hold())
	})

	DescribeTable("is refused by the software's own checker with the line of the user's file, and the running configuration stays", func(ctx SpecContext, file, from, to, words string) {
		_, err := upNative(ctx, nativeFolder(file, from, to))
		Expect(err).To(MatchError(And(ContainSubstring(words), ContainSubstring("so the old one stays"))))
		_, err = upNative(ctx, nativeFolder(""))
		Expect(err).NotTo(HaveOccurred())
	},
		Entry("FRR, in the scenario", "lab.yaml", "ip prefix-list NO seq 5", "ip prefix-lst NO seq 5", "lab.yaml:23: line"),
		Entry("FRR, a whole file", "n1.conf", " bgp router-id", " bgp rooter-id", "n1.conf:6: line 6"),
		Entry("BIRD", "b1.conf", "route 203", "rout 203", "b1.conf:3: "),
	)
})

var _ = Describe("A lab that cannot be made of native parts", Label("bgp", "native"), func() {
	const head = "apiVersion: skidpad.dev/v1alpha1\nkind: Scenario\nmetadata: {name: native-bad}\nspec:\n  networks: [{name: core}]\n"
	try := func(ctx SpecContext, spec string) error {
		GinkgoHelper()
		s, err := scenario.Parse("bad.yaml", []byte(head+spec), lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		name := labtest.Name("native-bad")
		DeferCleanup(func(ctx SpecContext) error { _, err := lab.Down(ctx, name); return err })
		_, err = lab.Up(ctx, lab.Options{Name: name, Scenario: s, Images: image.Auto, Progress: quiet{}})
		return err
	}

	It("stops before the router runs if its software refuses the snippet, and names the line", func(ctx SpecContext) {
		err := try(ctx, "  routers:\n    - name: r1\n      networks: [core]\n      config: |\n        ip route 192.0.2.0/24 Null0\n        no such command\n")
		Expect(err).To(MatchError(And(ContainSubstring("bad.yaml:11: line"), ContainSubstring("Unknown command"))))
	})

	It("stops with the last words of a container that ends", func(ctx SpecContext) {
		err := try(ctx, "  containers: [{name: c, image: client, networks: [core], command: [sh, -c, 'echo out of luck; exit 7']}]\n")
		Expect(err).To(MatchError(And(ContainSubstring("exit code 7"), ContainSubstring("out of luck"))))
	})

	It("is skipped with the reason if the image of a container cannot be had", func(ctx SpecContext) {
		err := try(ctx, "  containers: [{name: c, image: 'registry.invalid/none:1', networks: [core]}]\n")
		var skip *lab.SkipError
		Expect(errors.As(err, &skip)).To(BeTrue(), "seen %v", err)
		Expect(skip).To(MatchError(ContainSubstring("registry.invalid/none:1")))
	})
})
