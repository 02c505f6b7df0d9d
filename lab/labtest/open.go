package labtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
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

// KeepEnv leaves labs of a run standing, so that the next suite or run finds them: 1 means all of them, else it is a list of
// their names with commas between.
const KeepEnv = "SKIDPAD_KEEP"

// PrefixEnv goes before the names of all labs of a run, so that two runs on one machine do not share any.
const PrefixEnv = "SKIDPAD_LAB_PREFIX"

// Name is a lab's name in this process: of its own where several run side by side (ginkgo -p).
func Name(name string) string {
	name = os.Getenv(PrefixEnv) + name
	if n := ginkgo.GinkgoParallelProcess(); n > 1 {
		name += fmt.Sprintf("-%d", n)
	}
	return name
}

// keep stops a run at its first failure, with the lab as the failing spec left it: ginkgo run ./suites/bgp -- --keep.
var keep = flag.Bool("keep", false, "stop at the first spec that fails, and leave its lab as it is")

// Lab is a lab that specs share.
type Lab struct {
	*lab.Lab
	// Kube are clients of the lab's cluster; nil where it has none.
	Kube *cluster.Kube
}

// shared is a lab of this process' specs, between them.
type shared struct {
	*Lab
	base     base // as it was when it was first looked at
	clean    bool // nobody may have changed it since it was last seen to be like base
	recorder *recorder
}

// labs are the labs of this process, by name.
var labs = map[string]*shared{}

// opened are those that the current spec has opened.
var opened []*shared

// Open returns the lab of a scenario that comes with skidpad, under its name, in its base state: the one that is up,
// else it is brought up or completed. When the spec ends, after its own cleaning up, the lab must be back in that state;
// the spec fails otherwise, and the next one gets a new lab. The suite takes it down at its end, unless SKIDPAD_KEEP is set.
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
			gather(ctx, spec, "the lab is not as the spec found it: "+err.Error(), []*shared{sh})
		}
		gomega.Expect(err).NotTo(gomega.HaveOccurred(), "the spec is to leave the lab as it found it")
	})
	return s
}

// Look is Open for specs that change nothing: nothing is compared after them.
func Look(ctx context.Context, name string) *Lab {
	ginkgo.GinkgoHelper()
	sh := labs[Name(name)]
	if sh == nil || !sh.clean {
		sh = ready(ctx, name, sh)
	}
	opened = append(opened, sh)
	return sh.Lab
}

// ready brings a lab up, or back: one that an earlier spec of this process left changed is made anew.
func ready(ctx context.Context, name string, before *shared) *shared {
	ginkgo.GinkgoHelper()
	s, err := scenario.Load(filepath.Join(Source(), "scenarios", name, "scenario.yaml"), lab.Kinds())
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	if before != nil {
		if before.Lab = raise(ctx, Name(name), s); before.returned(ctx) == nil {
			return before
		}
		ginkgo.AddReportEntry("rebuilt", "an earlier spec left lab "+name+" changed, so it was made anew")
		before.recorder.stop(ctx)
		_, err := lab.Down(ctx, Name(name))
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	}
	l := Up(ctx, name, s)
	sh := &shared{Lab: l, recorder: startRecorder(l)}
	sh.base, err = readBase(ctx, l)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	sh.clean = true
	labs[Name(name)] = sh
	return sh
}

// Up brings a lab up for this suite, under a name of the suite's own, and waits until nothing at all is wrong with it.
func Up(ctx context.Context, name string, s *scenario.Scenario) *Lab {
	ginkgo.GinkgoHelper()
	began := time.Now()
	l := raise(ctx, Name(name), s)
	gomega.Eventually(ctx, l.problems).WithTimeout(baseWithin).WithPolling(200*time.Millisecond).Should(gomega.BeEmpty(), "the lab is to be in its base state before a spec")
	ginkgo.AddReportEntry("lab up", raised{l.Plan.Lab, time.Since(began).Seconds()}, ginkgo.ReportEntryVisibilityNever)
	return l
}

// raised is how long a lab took to come up, for the report of a run.
type raised struct {
	Lab     string
	Seconds float64
}

// raise brings a lab up, or completes the one that stands, whatever is wrong with it otherwise.
func raise(ctx context.Context, name string, s *scenario.Scenario) *Lab {
	ginkgo.GinkgoHelper()
	up, err := lab.Up(ctx, lab.Options{Name: name, Scenario: s, Images: image.Auto, Source: Source(), Progress: progress{ginkgo.GinkgoWriter}})
	downs[name] = true
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	l := &Lab{Lab: up}
	if up.Plan.Cluster != nil {
		l.Kube, err = up.Kube(ctx)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	}
	return l
}

// downs are the labs that this process has brought up or found.
var downs = map[string]bool{}

// DownAll is for a suite's AfterSuite: it ends the watching, and takes down every lab that the suite used. With SKIDPAD_KEEP
// those that it names stay, for the next suite.
func DownAll(ctx context.Context) {
	ginkgo.GinkgoHelper()
	for _, sh := range labs {
		sh.recorder.stop(ctx)
	}
	var group errgroup.Group
	for name := range downs {
		if !kept(name) {
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

// kept reports whether a lab is to stay: it is shared with other suites, or somebody wants to look inside. One that a spec left
// changed is not for others.
func kept(name string) bool {
	wanted := os.Getenv(KeepEnv)
	shared := labs[name] != nil && labs[name].clean && (wanted == "1" || slices.Contains(strings.Split(wanted, ","), name))
	return shared || *keep && failedLab == name
}
