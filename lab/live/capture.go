package live

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

// Listen gives the beginning of each packet on a node's links to see, one at a time, while do runs.
func (l *Lab) Listen(ctx context.Context, node string, see func(frame []byte), do func() error) error {
	return capture.Listen(ctx, l.engine, l.Plan, capture.Where{Node: node}, see, do)
}

// StartCapture holds the last seconds of every bridge and router link until it is kept, in dir, or discarded.
func (l *Lab) StartCapture(ctx context.Context, dir string, o capture.Options) (*capture.Capture, error) {
	return capture.Start(ctx, l.engine, l.Plan, dir, o)
}
