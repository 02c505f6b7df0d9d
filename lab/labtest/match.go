package labtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/report"
)

// Hold succeeds if all results of a check held. There must be at least one result.
func Hold() types.GomegaMatcher {
	return gcustom.MakeMatcher(func(results []check.Result) (bool, error) {
		if len(results) == 0 {
			return false, fmt.Errorf("no result at all: nothing was checked")
		}
		for _, r := range results {
			if r.Verdict != check.Held {
				return false, nil
			}
		}
		return true, nil
	}).WithTemplate("{{.To}} hold:\n{{.Data.Text .Actual}}", describer{})
}

// Judge runs checks as `skidpad test` does: the checks may break the lab, and bring the lab back.
func (l *Lab) Judge(ctx context.Context, checks ...check.Check) []check.Result {
	results := check.Test(ctx, l.Lab, checks, check.Options{Events: l.Events(), Watched: true})
	l.remember(results)
	for _, r := range results {
		if r.Measured != nil {
			Tell(r.Name, r.Expected, r.Observed)
		}
	}
	return results
}

// measured is a failover's bound and its outage, in words, for the report of a run.
type measured struct{ What, Expected, Observed string }

// Tell adds a failover's bound and its outage to the report of a run.
func Tell(what, expected, observed string) {
	ginkgo.AddReportEntry("measured", measured{what, expected, observed}, ginkgo.ReportEntryVisibilityFailureOrVerbose)
}

// Inject breaks the lab, until Clear or the spec's end. If this kernel cannot make the fault, Inject skips the spec with the reason.
func (l *Lab) Inject(ctx context.Context, f fault.Fault) *fault.Active {
	ginkgo.GinkgoHelper()
	in, err := fault.On(l.Lab, l.Events())
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	active, err := in.Inject(ctx, f)
	if skipped := (*fault.Skipped)(nil); errors.As(err, &skipped) {
		gomega.Expect(in.Close(ctx)).To(gomega.Succeed(), "the guard must end")
		ginkgo.Skip(err.Error())
	}
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	Undo(func(ctx ginkgo.SpecContext) {
		gomega.Expect(active.Clear(ctx)).To(gomega.Succeed())
		gomega.Expect(in.Close(ctx)).To(gomega.Succeed(), "the guard must end")
	})
	return active
}

// describer formats results for a failure.
type describer struct{}

// Text is the report of results, as the command prints them.
func (describer) Text(results []check.Result) string {
	var b strings.Builder
	if err := report.Text(&b, []report.Run{{Checks: results}}, false); err != nil {
		return err.Error()
	}
	return b.String()
}

// LoseAtMost succeeds if a flow's outages add up to at most d, even if all packets were lost while the prober stood
// still. If the recording cannot decide the question, for example because an outage is cut by the recording's end,
// LoseAtMost returns an error, so Should and ShouldNot both fail.
func LoseAtMost(d time.Duration) types.GomegaMatcher {
	return gcustom.MakeMatcher(func(r probe.Result) (bool, error) {
		if r.Lost == nil {
			return false, fmt.Errorf("%s: %s", probe.ProvesNothing, strings.Join(r.Unknown, "; "))
		}
		outage, unseen := Outage(r), time.Duration(r.Prober.Stalled*float64(time.Millisecond))
		if outage <= d && outage+unseen > d {
			return false, fmt.Errorf("%s: outages of %v, and for %v the prober stood still; the limit for both together is %v", probe.ProvesNothing, outage, unseen, d)
		}
		if outage <= d && slices.ContainsFunc(r.Outages, func(o probe.Outage) bool { return o.OpenEnd }) {
			return false, fmt.Errorf("%s: outages of %v, with the last still open at the flow's end; let the flow run for longer than %v", probe.ProvesNothing, outage, d)
		}
		return outage <= d, nil
	}).WithTemplate("Expected the flow to lose at most {{.Data}}, but the flow lost {{.Actual.LostAtLeast}} of {{.Actual.Sent}}, with outages\n{{.Actual.Outages}}", d)
}

// Outage is the sum of a flow's outages.
func Outage(r probe.Result) time.Duration {
	var sum float64
	for _, o := range r.Outages {
		sum += o.Length
	}
	return time.Duration(sum * float64(time.Millisecond))
}

// HolderOf returns the holder of a gateway at this moment. For Eventually.
func (l *Lab) HolderOf(ctx context.Context, gateway string) (string, error) {
	g, err := l.Gateway(gateway)
	if err != nil {
		return "", err
	}
	return g.Holder(ctx)
}
