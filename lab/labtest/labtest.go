// Package labtest gives labs to Ginkgo specs and matchers to judge them with.
package labtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// KeepEnv leaves the labs of a run standing when it is set, so that the next run finds them.
const KeepEnv = "SKIDPAD_KEEP"

// Lab is a lab that specs share.
type Lab struct{ *lab.Lab }

// Open returns the lab of a scenario that comes with skidpad, under its name: the one that is up where it is healthy,
// else it is brought up or completed. The suite takes it down at its end, unless SKIDPAD_KEEP is set.
func Open(ctx context.Context, name string) *Lab {
	ginkgo.GinkgoHelper()
	s, err := scenario.Load(filepath.Join(Source(), "scenarios", name, "scenario.yaml"))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return Up(ctx, name, s)
}

// Up brings a lab up for this suite, under a name of its own, and waits until nothing at all is wrong with it.
func Up(ctx context.Context, name string, s *scenario.Scenario) *Lab {
	ginkgo.GinkgoHelper()
	l, err := lab.Up(ctx, lab.Options{Name: name, Scenario: s, Images: image.Auto, Source: Source(), Progress: progress{ginkgo.GinkgoWriter}})
	if os.Getenv(KeepEnv) == "" {
		downAtEnd(name)
	}
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Eventually(ctx, func() ([]string, error) {
		st, err := l.Status(ctx)
		if err != nil {
			return nil, err
		}
		return st.Problems, nil
	}).WithTimeout(baseWithin).WithPolling(200*time.Millisecond).Should(gomega.BeEmpty(), "the lab is to be in its base state before a spec")
	return &Lab{l}
}

// baseWithin is how long a lab may take from what an earlier spec did to its base state: nodes open their BGP sessions
// anew only after their retry time.
const baseWithin = 90 * time.Second

// downs are the labs that this process takes down at its end.
var downs = map[string]bool{}

// downAtEnd registers a lab to be taken down when the suite ends.
func downAtEnd(name string) { downs[name] = true }

// DownAll is for a suite's AfterSuite: it takes down every lab that the suite brought up.
func DownAll(ctx context.Context) {
	ginkgo.GinkgoHelper()
	for name := range downs {
		_, err := lab.Down(ctx, name)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	}
	clear(downs)
}

// Source is the root of skidpad's source tree, found from this file.
func Source() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		panic("lab bug: this binary does not know its source")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
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

// Running is a flow that was started and not yet stopped.
type Running struct {
	cancel context.CancelFunc
	ended  chan struct{}
	from   string
	to     string
	rec    *record.Recording
	err    error
}

// Probe starts a flow of UDP datagrams from a node to a target, at rate a second, for at most a duration.
func (l *Lab) Probe(ctx context.Context, from, to string, rate float64, atMost time.Duration) *Running {
	ginkgo.GinkgoHelper()
	n, err := l.Node(from)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	ref, err := probe.ParseRef(to)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	targets, err := l.Resolve(ctx, ref, record.UDP)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	ctx, cancel := context.WithCancel(ctx)
	r := &Running{cancel: cancel, ended: make(chan struct{}), from: from, to: to}
	go func() {
		defer close(r.ended)
		r.rec, r.err = probe.Run(ctx, n, probe.Flow{Proto: record.UDP, Targets: targets, Rate: rate, Duration: atMost})
	}()
	return r
}

// maxStall is how long a prober may stand still before a recording proves nothing to a spec. Specs share two cores with
// all that they test; the outages that they are about are longer.
const maxStall = 300 * time.Millisecond

// Wait waits for the flow's end and returns what it saw, a result per address.
func (r *Running) Wait() []probe.Result {
	ginkgo.GinkgoHelper()
	<-r.ended
	r.cancel()
	gomega.Expect(r.err).NotTo(gomega.HaveOccurred())
	return probe.Results(r.from, r.to, r.rec, loss.Options{MaxStall: maxStall})
}

// Quiet is a lab.Progress that says nothing.
type Quiet struct{}

// Begin does nothing.
func (Quiet) Begin(string, string) {}

// Note does nothing.
func (Quiet) Note(string, string) {}

// End does nothing.
func (Quiet) End(string, time.Duration, error) {}

// RemoveContainer takes a container away behind the lab's back.
func RemoveContainer(ctx context.Context, container string) {
	ginkgo.GinkgoHelper()
	out, err := exec.CommandContext(ctx, "docker", "rm", "-fv", container).CombinedOutput()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), string(out))
}
