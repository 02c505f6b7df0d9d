package labtest_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/probe"
)

// A spec opens a lab, probes, breaks a link and judges the loss.
func Example() {
	spec := func(ctx SpecContext) {
		l := labtest.Open(ctx, "two-routers")
		flow := l.Probe(ctx, "client", "client/server", 1000, 5*time.Second)
		l.Inject(ctx, &fault.LinkDown{Node: "r1", Network: "middle"})
		Expect(flow.Wait(ctx)[0]).To(labtest.LoseAtMost(500 * time.Millisecond))
	}
	_ = spec

	none := 0
	measured := probe.Result{Lost: &none, Outages: []probe.Outage{{Length: 300}}}
	within, err := labtest.LoseAtMost(500 * time.Millisecond).Match(measured)
	fmt.Println(labtest.Outage(measured), within, err)
	measured.Outages[0].OpenEnd = true
	_, err = labtest.LoseAtMost(500 * time.Millisecond).Match(measured)
	fmt.Println(err)
	// Output:
	// 300ms true <nil>
	// the recording proves nothing: outages of 300ms, with the last still open at the flow's end; let the flow run for longer than 500ms
}
