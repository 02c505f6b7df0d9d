// Package labtest gives labs to Ginkgo specs and matchers to judge them with.
package labtest

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
)

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
