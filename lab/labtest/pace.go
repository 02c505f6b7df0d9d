package labtest

import (
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"skidpad.dev/skidpad/lab/labtest/pace"
)

// Patience returns d for this machine: the longest wait of a spec for a condition that takes at most d on the reference
// of tools/runs. A wait that measures an outage, or the absence of an event, keeps its length.
func Patience(d time.Duration) time.Duration { return pace.Stretch(d) }

// Every suite records the end of each spec for the run.
var _ = ginkgo.ReportAfterEach(func(spec ginkgo.SpecReport) {
	if spec.State.Is(types.SpecStateSkipped|types.SpecStatePending) && spec.Failure.Message == "" {
		return // left out by the filter
	}
	if err := pace.Ended(pace.Spec{Text: spec.FullText(), State: spec.State.String(), Seconds: spec.RunTime.Seconds()}); err != nil {
		ginkgo.GinkgoLogr.Info("the run's progress lacks a spec", "error", err.Error())
	}
})
