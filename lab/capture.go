package lab

import (
	"context"
	"io"

	"skidpad.dev/skidpad/lab/capture"
)

// Capture records packets of the lab to w as pcapng until ctx ends; ready, which may be nil, is called
// when it listens. An error that wraps capture.ErrNotPermitted says that this process lacks the right.
func (l *Lab) Capture(ctx context.Context, at capture.Where, o capture.Options, w io.Writer, ready func()) ([]capture.Counted, error) {
	return capture.Record(ctx, l.engine, l.Plan, at, o, w, ready)
}

// StartCapture holds the last seconds of every bridge and router link until it is kept, in dir, or discarded.
func (l *Lab) StartCapture(ctx context.Context, dir string, o capture.Options) (*capture.Capture, error) {
	return capture.Start(ctx, l.engine, l.Plan, dir, o)
}
