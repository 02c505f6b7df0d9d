package labtest

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/watch"
)

// recorder holds what happens in a lab while this process' specs use it: events since the last spec that may change
// it began, and the packets of the last seconds. Both are kept where a spec fails, and forgotten otherwise.
type recorder struct {
	lab     *Lab
	end     context.CancelFunc
	watch   *watch.Watch
	capture *capture.Capture
	gaps    error // why something is not recorded

	mu     sync.Mutex
	events *timeline.Timeline
}

// startRecorder begins to record. What cannot be recorded is told where it is missed, in a failed spec's folder.
func startRecorder(l *Lab) *recorder {
	ctx, end := context.WithCancel(context.Background())
	r := &recorder{lab: l, end: end, events: &timeline.Timeline{}}
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

// begin forgets the events of earlier specs.
func (r *recorder) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = &timeline.Timeline{}
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

// Events are what has happened in the lab since the last spec began that opened it; they go on being added to.
func (l *Lab) Events() *timeline.Timeline {
	if sh := labs[l.Plan.Lab]; sh != nil {
		return sh.recorder.now()
	}
	return &timeline.Timeline{}
}
