package labtest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/scenario"
)

// Hold succeeds where every one of a check's results held. There must be at least one.
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

// Judge runs checks in place of those of the lab's scenario, as `skidpad test` does: they may break something, and bring the
// lab back.
func (l *Lab) Judge(ctx context.Context, checks ...scenario.Check) []check.Result {
	own := l.Plan.Scenario.Spec.Checks
	defer func() { l.Plan.Scenario.Spec.Checks = own }()
	l.Plan.Scenario.Spec.Checks = checks
	return l.Test(ctx, lab.TestOptions{})
}

// describer writes results for a failure.
type describer struct{}

// Text is the report of results, as the command prints it.
func (describer) Text(results []check.Result) string {
	var b strings.Builder
	if err := report.Text(&b, []report.Run{{Checks: results}}, false); err != nil {
		return err.Error()
	}
	return b.String()
}

// LoseAtMost succeeds where a flow's outages add up to d at the most. A recording that proves nothing does not.
func LoseAtMost(d time.Duration) types.GomegaMatcher {
	return gcustom.MakeMatcher(func(r probe.Result) (bool, error) {
		if r.Lost == nil {
			return false, fmt.Errorf("the recording proves nothing: %s", strings.Join(r.Unknown, "; "))
		}
		return Outage(r) <= d, nil
	}).WithTemplate("Expected the flow to lose at most {{.Data}}, but it lost {{.Actual.LostAtLeast}} of {{.Actual.Sent}}, with outages\n{{.Actual.Outages}}", d)
}

// Outage is the sum of a flow's outages.
func Outage(r probe.Result) time.Duration {
	var sum float64
	for _, o := range r.Outages {
		sum += o.Length
	}
	return time.Duration(sum * float64(time.Millisecond))
}

// HolderOf is for Eventually: who holds a gateway at this moment.
func (l *Lab) HolderOf(ctx context.Context, gateway string) (string, error) {
	g, err := l.Gateway(gateway)
	if err != nil {
		return "", err
	}
	return g.Holder(ctx)
}
