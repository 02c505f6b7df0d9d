package labtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/scenario"
)

// KeepEnv leaves labs of a run for the next suite or run: 1 means all labs, any other value is a list of their names
// with commas between.
const KeepEnv = "SKIDPAD_KEEP"

// PrefixEnv is a prefix of all lab names of a run, so two runs on one machine share no lab.
const PrefixEnv = "SKIDPAD_LAB_PREFIX"

// Name is a lab's name in this process: parallel processes (ginkgo -p) have different names.
func Name(name string) string {
	name = os.Getenv(PrefixEnv) + name
	if n := ginkgo.GinkgoParallelProcess(); n > 1 {
		name += fmt.Sprintf("-%d", n)
	}
	return name
}

// keep stops a run at its first failure, with the lab as the failing spec left it: ginkgo run ./suites/bgp -- --keep.
var keep = flag.Bool("keep", false, "stop at the first spec that fails, and leave the lab unchanged")

// Lab is a lab shared by specs.
type Lab struct {
	*lab.Lab
	// Kube are clients of the lab's cluster, nil without a cluster.
	Kube *cluster.Kube
}

// shared is the state of a lab between the specs of this process.
type shared struct {
	*Lab
	base     base // at the first opening
	clean    bool // unchanged since the last comparison with base
	recorder *recorder
}

// labs are the labs of this process, by name.
var labs = map[string]*shared{}

// opened are the labs opened by the current spec.
var opened []*shared

// Open returns the lab of a scenario (see Load), under the scenario's name, in its base state: the running lab if any;
// otherwise Open brings up or completes the lab. After the spec and its own cleanup, the lab must be back in the base
// state; otherwise the spec fails, and the next spec gets a new lab. The suite takes the lab down at its end, unless
// SKIDPAD_KEEP is set.
func Open(ctx context.Context, name string) *Lab {
	ginkgo.GinkgoHelper()
	s := Look(ctx, name)
	sh := labs[Name(name)]
	sh.clean = false
	sh.recorder.begin()
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) {
		if *keep && ginkgo.CurrentSpecReport().Failed() {
			return
		}
		began := time.Now()
		err := sh.returned(ctx)
		ginkgo.AddReportEntry("base state", time.Since(began).Seconds(), ginkgo.ReportEntryVisibilityNever)
		if spec := ginkgo.CurrentSpecReport(); err != nil && !spec.Failed() {
			gather(ctx, spec, "the lab differs from its state before the spec: "+err.Error(), []*shared{sh})
		}
		gomega.Expect(err).NotTo(gomega.HaveOccurred(), "the spec must leave the lab in its state before the spec")
	})
	return s
}

// Look is Open for specs without changes: no comparison follows.
func Look(ctx context.Context, name string) *Lab {
	ginkgo.GinkgoHelper()
	sh := labs[Name(name)]
	if sh == nil || !sh.clean || downs[Name(name)].parked {
		sh = ready(ctx, name, sh)
	}
	used(Name(name), sh.Plan.Cluster != nil)
	opened = append(opened, sh)
	return sh.Lab
}

// ready brings a lab up, or back. A lab that an earlier spec of this process left changed is made again.
func ready(ctx context.Context, name string, before *shared) *shared {
	ginkgo.GinkgoHelper()
	s := Load(name)
	if before != nil {
		frozen := downs[Name(name)].parked
		before.Lab = raise(ctx, Name(name), s)
		if frozen {
			before.recorder = startRecorder(before.Lab)
		}
		if before.returned(ctx) == nil {
			return before
		}
		ginkgo.AddReportEntry("rebuilt", "an earlier spec left lab "+name+" changed, so the lab was made again")
		before.recorder.stop(ctx)
		_, err := lab.Down(ctx, Name(name))
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	}
	l := Up(ctx, name, s)
	sh := &shared{Lab: l, recorder: startRecorder(l), clean: true}
	base, err := readBase(ctx, l)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	sh.base = base
	labs[Name(name)] = sh
	return sh
}

// Up brings up a lab for this suite, under the suite's own name, and waits until the lab has no problem.
func Up(ctx context.Context, name string, s *scenario.Scenario) *Lab {
	ginkgo.GinkgoHelper()
	began := time.Now()
	l := raise(ctx, Name(name), s)
	gomega.Eventually(ctx, l.problems).WithTimeout(baseWithin).WithPolling(200*time.Millisecond).Should(gomega.BeEmpty(), "the lab must be in its base state before a spec")
	ginkgo.AddReportEntry("lab up", raised{l.Plan.Lab, time.Since(began).Seconds()}, ginkgo.ReportEntryVisibilityNever)
	return l
}

// raised is the time of a lab's bring-up, for the report of a run.
type raised struct {
	Lab     string
	Seconds float64
}

// UpUnjudged is Up for a lab that is not meant to be healthy, such as a lab with a session that must stay down.
func UpUnjudged(ctx context.Context, name string, s *scenario.Scenario) *Lab {
	ginkgo.GinkgoHelper()
	return raise(ctx, Name(name), s)
}

// raise brings up a lab, or completes an existing lab in any state.
func raise(ctx context.Context, name string, s *scenario.Scenario) *Lab {
	ginkgo.GinkgoHelper()
	makeRoom(ctx, name)
	up, err := lab.Up(ctx, lab.Options{Name: name, Scenario: s, Images: image.Auto, Progress: progress{ginkgo.GinkgoWriter}})
	used(name, s.Spec.Cluster != nil)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	l := &Lab{Lab: up}
	if up.Plan.Cluster != nil {
		l.Kube, err = up.Kube(ctx)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	}
	return l
}

// downs are the labs that this process has brought up or found, with the last use of each.
var downs = map[string]*use{}

// DownAll is for a suite's AfterSuite: it ends the watches, and takes down every lab of the suite. SKIDPAD_KEEP names
// labs that stay for the next suite.
func DownAll(ctx context.Context) {
	ginkgo.GinkgoHelper()
	for name, sh := range labs {
		if !downs[name].parked {
			sh.recorder.stop(ctx)
		}
	}
	var group errgroup.Group
	for name := range downs {
		if !stays(name) {
			group.Go(func() error {
				_, err := lab.Down(ctx, name)
				return err
			})
		}
	}
	gomega.Expect(group.Wait()).To(gomega.Succeed())
	clear(downs)
	clear(labs)
}

// stays reports whether a lab stays after the suite: other suites share the lab, or somebody wants to look inside. A
// lab left changed by a spec is not for other suites.
func stays(name string) bool {
	wanted := os.Getenv(KeepEnv)
	shared := labs[name] != nil && labs[name].clean && (wanted == "1" || slices.Contains(strings.Split(wanted, ","), name))
	return shared || *keep && failedLab == name
}
