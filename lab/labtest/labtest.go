// Package labtest provides labs and matchers for Ginkgo specs.
package labtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/scenarios"
)

// Source returns the root of the module under test: the first folder with a go.mod, from the working directory upwards. Outside
// of any module, Source returns the working directory.
func Source() string { return cmp.Or(scenarios.Upwards("go.mod"), ".") }

// Load returns a scenario by name: of the folder scenarios of the module under test, or of skidpad's own.
func Load(name string) *scenario.Scenario {
	ginkgo.GinkgoHelper()
	for _, folder := range scenarios.Folders() {
		s, err := scenario.LoadFS(folder, "scenarios", scenarios.File(folder, name), lab.Kinds())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		return s
	}
	ginkgo.Fail(fmt.Sprintf("no scenarios/%s/scenario.yaml is in %s or above, and skidpad has no scenario of this name", name, Source()))
	return nil
}

// progress writes a bring-up's steps to a spec's output.
type progress struct{ w io.Writer }

func (p progress) Begin(step, what string) { p.say("%-10s begins: %s", step, what) }
func (p progress) Note(step, text string)  { p.say("%-10s %s", step, text) }
func (p progress) End(step string, took time.Duration, err error) {
	p.say("%-10s ended after %.1fs: %v", step, took.Seconds(), err)
}
func (p progress) say(format string, a ...any) {
	fmt.Fprintf(p.w, time.Now().Format("15:04:05.0 ")+format+"\n", a...)
}

// Running is a running flow.
type Running struct {
	lab      *Lab
	running  *probe.Running
	from, to string
}

// Probe starts a flow of UDP datagrams from a node to a target, at rate a second, and returns once the flow is being
// sent. The flow ends by Stop, or after a duration.
func (l *Lab) Probe(ctx context.Context, from, to string, rate float64, atMost time.Duration) *Running {
	ginkgo.GinkgoHelper()
	return l.Flows(ctx, 1, from, to, rate, atMost)
}

// Flows is Probe with n flows side by side, each from a port of its own.
func (l *Lab) Flows(ctx context.Context, n int, from, to string, rate float64, atMost time.Duration) *Running {
	ginkgo.GinkgoHelper()
	sender, err := l.Node(from)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	ref, err := probe.ParseRef(to)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	targets, err := l.Resolve(ctx, ref, record.UDP)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	running, err := probe.Start(ctx, sender, probe.Flow{Proto: record.UDP, Targets: slices.Repeat(targets, n), Rate: rate, Duration: atMost})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return &Running{lab: l, running: running, from: from, to: to}
}

const (
	// maxStall is the longest stop of a prober that LoseAtMost counts as a plain loss of all packets meanwhile. Specs
	// share two cores with all tested programs; the tested outages are longer.
	maxStall = 300 * time.Millisecond
	// runOn is the time that a flow continues after the observed event, so a late failure is visible.
	runOn = 2 * time.Second
)

// Wait waits for the flow's own end and returns a result for each address.
func (r *Running) Wait(ctx context.Context) []probe.Result {
	ginkgo.GinkgoHelper()
	select {
	case <-r.running.Ended():
	case <-ctx.Done():
	}
	return r.saw(ctx)
}

// Stop lets the flow run for another 2 s, unless the flow ends before, and returns a result for each address.
func (r *Running) Stop(ctx context.Context) []probe.Result {
	ginkgo.GinkgoHelper()
	on, cancel := context.WithTimeout(ctx, runOn)
	defer cancel()
	select {
	case <-r.running.Ended():
	case <-on.Done():
	}
	return r.saw(ctx)
}

func (r *Running) saw(ctx context.Context) []probe.Result {
	ginkgo.GinkgoHelper()
	rec, err := r.running.Stop(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	r.lab.remember(nil, report.Flow{From: r.from, To: r.to, Recording: rec})
	return probe.Results(r.from, r.to, rec, loss.Options{MaxStall: maxStall, StallsAreJudged: true})
}

// Quiet is a lab.Progress without output.
type Quiet struct{}

// Begin does nothing.
func (Quiet) Begin(string, string) {}

// Note does nothing.
func (Quiet) Note(string, string) {}

// End does nothing.
func (Quiet) End(string, time.Duration, error) {}

// RemoveContainer removes a container without the lab's knowledge.
func RemoveContainer(ctx context.Context, container string) {
	ginkgo.GinkgoHelper()
	out, err := exec.CommandContext(ctx, "docker", "rm", "-fv", container).CombinedOutput()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), string(out))
}
