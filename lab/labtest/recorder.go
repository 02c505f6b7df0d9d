package labtest

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/watch"
)

// recorder keeps the events, results and flows of a lab since the begin of the last spec that may change the lab, and
// the packets of the last seconds. A failed spec stores the recording; otherwise the recording is dropped.
type recorder struct {
	lab     *Lab
	end     context.CancelFunc
	watch   *watch.Watch
	capture *capture.Capture
	gaps    error // reasons for missing parts

	mu      sync.Mutex
	events  *timeline.Timeline
	began   time.Time
	results []check.Result
	flows   []report.Flow // beside the flows of the results
}

// startRecorder begins to record. Errors are reported in a failed spec's folder, because only failed specs need the
// recording.
func startRecorder(l *Lab) *recorder {
	ctx, end := context.WithCancel(context.Background())
	r := &recorder{lab: l, end: end}
	r.begin()
	r.watch, r.gaps = watch.On(ctx, l.Lab, r)
	r.hold(ctx)
	return r
}

// Add records an event.
func (r *recorder) Add(e timeline.Event) { r.now().Add(e) }

func (r *recorder) now() *timeline.Timeline {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

// begin drops the recordings of earlier specs.
func (r *recorder) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events, r.began, r.results, r.flows = &timeline.Timeline{}, time.Now(), nil, nil
}

// remember records the spec's results and flows.
func (r *recorder) remember(results []check.Result, flows ...report.Flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results, r.flows = append(r.results, results...), append(r.flows, flows...)
}

// save writes all but the packets to dir, in the form of `skidpad test`, so `skidpad report` can read the folder.
func (r *recorder) save(dir string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := report.Run{Scenario: r.lab.Plan.Scenario.Metadata.Name, Notes: r.lab.Notes(), Started: r.began, Duration: time.Since(r.began), Checks: r.results}
	return report.Save(dir, run, r.lab.Plan, r.events.Events(), append(report.Recordings(run), r.flows...))
}

// page writes the content of dir as a page beside the content.
func page(dir string) error {
	f, err := report.Open(dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = report.HTML(&b, []*report.Folder{f}, func(_ *report.Folder, c report.Capture) string { return c.Path })
	return errors.Join(err, write(dir, "report.html", b.Bytes(), nil))
}

// hold begins to keep packets in memory.
func (r *recorder) hold(ctx context.Context) {
	var err error
	if r.capture, err = r.lab.StartCapture(ctx, "", capture.Options{}); err != nil {
		r.capture, r.gaps = nil, errors.Join(r.gaps, err)
	}
}

// keep writes the packets in memory to dir, and keeps further packets.
func (r *recorder) keep(dir, reason string) error {
	if r.capture == nil {
		return r.gaps
	}
	_, err := r.capture.KeepIn(filepath.Join(dir, "captures"), reason)
	r.hold(context.Background())
	return err
}

// stop ends the recording and undoes the routers' configuration for the recording.
func (r *recorder) stop(ctx context.Context) {
	if r.capture != nil {
		_ = r.capture.Discard()
	}
	if r.watch != nil {
		_ = r.watch.Stop(ctx)
	}
	r.end()
}

// remember records a spec's results and flows for its folder. A lab from Up for a single spec has no recorder.
func (l *Lab) remember(results []check.Result, flows ...report.Flow) {
	if sh := labs[l.Plan.Lab]; sh != nil {
		sh.recorder.remember(results, flows...)
	}
}

// Events returns the lab's events since the begin of the last spec that opened the lab. The timeline grows further.
func (l *Lab) Events() *timeline.Timeline {
	if sh := labs[l.Plan.Lab]; sh != nil {
		return sh.recorder.now()
	}
	return &timeline.Timeline{}
}
