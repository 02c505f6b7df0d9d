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

// recorder holds what happens in a lab while this process' specs use it: events, results and flows since the last spec that
// may change it began, and the packets of the last seconds. They are kept where a spec fails, and forgotten otherwise.
type recorder struct {
	lab     *Lab
	end     context.CancelFunc
	watch   *watch.Watch
	capture *capture.Capture
	gaps    error // why something is not recorded

	mu      sync.Mutex
	events  *timeline.Timeline
	began   time.Time
	results []check.Result
	flows   []report.Flow // beside those of the results
}

// startRecorder begins to record. What cannot be recorded is told where it is missed, in a failed spec's folder.
func startRecorder(l *Lab) *recorder {
	ctx, end := context.WithCancel(context.Background())
	r := &recorder{lab: l, end: end}
	r.begin()
	r.watch, r.gaps = l.Watch(ctx, r)
	r.hold(ctx)
	return r
}

// Add takes an event.
func (r *recorder) Add(e timeline.Event) { r.now().Add(e) }

func (r *recorder) now() *timeline.Timeline {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

// begin forgets what earlier specs did and saw.
func (r *recorder) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events, r.began, r.results, r.flows = &timeline.Timeline{}, time.Now(), nil, nil
}

// remember takes what the spec has checked and sent.
func (r *recorder) remember(results []check.Result, flows ...report.Flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results, r.flows = append(r.results, results...), append(r.flows, flows...)
}

// save writes all but the packets to dir, as `skidpad test` does, so that `skidpad report` reads it.
func (r *recorder) save(dir string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := report.Run{Scenario: r.lab.Plan.Scenario.Metadata.Name, Notes: r.lab.Notes(), Started: r.began, Duration: time.Since(r.began), Checks: r.results}
	return report.Save(dir, run, r.lab.Plan, r.events.Events(), append(report.Recordings(run), r.flows...))
}

// page writes what is in dir as a page beside it.
func page(dir string) error {
	f, err := report.Open(dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = report.HTML(&b, []*report.Folder{f}, func(_ *report.Folder, c report.Capture) string { return c.Path })
	return errors.Join(err, write(dir, "report.html", b.Bytes(), nil))
}

// hold begins to hold packets.
func (r *recorder) hold(ctx context.Context) {
	var err error
	if r.capture, err = r.lab.StartCapture(ctx, "", capture.Options{}); err != nil {
		r.capture, r.gaps = nil, errors.Join(r.gaps, err)
	}
}

// keep writes the packets that are held to dir, and holds further ones.
func (r *recorder) keep(dir, reason string) error {
	if r.capture == nil {
		return r.gaps
	}
	_, err := r.capture.KeepIn(filepath.Join(dir, "captures"), reason)
	r.hold(context.Background())
	return err
}

// stop ends the recording and takes back what routers were told for it.
func (r *recorder) stop(ctx context.Context) {
	if r.capture != nil {
		_ = r.capture.Discard()
	}
	if r.watch != nil {
		_ = r.watch.Stop(ctx)
	}
	r.end()
}

// remember keeps what a spec has checked and sent for its folder. Of a lab that Up made for one spec nothing is recorded.
func (l *Lab) remember(results []check.Result, flows ...report.Flow) {
	if sh := labs[l.Plan.Lab]; sh != nil {
		sh.recorder.remember(results, flows...)
	}
}

// Events are what has happened in the lab since the last spec began that opened it; they go on being added to.
func (l *Lab) Events() *timeline.Timeline {
	if sh := labs[l.Plan.Lab]; sh != nil {
		return sh.recorder.now()
	}
	return &timeline.Timeline{}
}
