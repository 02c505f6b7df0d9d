package labtest

import (
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"skidpad.dev/skidpad/lab/labtest/pace"
)

// Patience returns d for this machine: how long a spec waits at most for a condition that takes d at most on the reference of
// tools/runs. A wait that measures an outage, or that something does not happen, keeps its length.
func Patience(d time.Duration) time.Duration { return pace.Stretch(d) }

// Every suite tells the run of each spec that has ended.
var _ = ginkgo.ReportAfterEach(func(spec ginkgo.SpecReport) {
	if spec.State.Is(types.SpecStateSkipped|types.SpecStatePending) && spec.Failure.Message == "" {
		return // left out by the filter
	}
	if err := pace.Ended(pace.Spec{Text: spec.FullText(), State: spec.State.String(), Seconds: spec.RunTime.Seconds()}); err != nil {
		ginkgo.GinkgoLogr.Info("the run's progress lacks a spec", "error", err.Error())
	}
})
