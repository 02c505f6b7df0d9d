package labtest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// Most specs have no check; their folder still has a page with the events and the flows.
func TestPageWithoutResults(t *testing.T) {
	p := &plan.Plan{Lab: "bare", Scenario: &scenario.Scenario{Metadata: scenario.Metadata{Name: "bare"}}}
	r := &recorder{lab: &Lab{Lab: &lab.Lab{Plan: p}}}
	r.begin()
	r.Add(timeline.New(timeline.LaneAgent, "r1", "daemon-ended", "bgpd ended", nil))
	r.remember(nil, report.Flow{From: "client", To: "loadBalancer", Recording: &record.Recording{}})
	dir := t.TempDir()
	if err := r.save(dir); err != nil {
		t.Fatal(err)
	}
	if err := page(dir); err != nil {
		t.Fatal(err)
	}
	f, err := report.Open(dir)
	if err != nil || len(f.Events) != 1 || len(f.Flows) != 1 || len(f.Gaps) > 0 {
		t.Errorf("read %+v, %v; wanted an event and a flow", f, err)
	}
	html, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !bytes.Contains(html, []byte("bgpd ended")) {
		t.Errorf("the page lacks the event: %v", err)
	}
}
