package live

import (
	"context"
	"io"

	"skidpad.dev/skidpad/lab/capture"
)

// Capture records packets of the lab to w as pcapng until ctx ends. Capture calls ready, if not nil, when the recording
// listens. An error that wraps capture.ErrNotPermitted means that this process lacks the right.
func (l *Lab) Capture(ctx context.Context, at capture.Where, o capture.Options, w io.Writer, ready func()) ([]capture.Counted, error) {
	return capture.Record(ctx, l.engine, l.Plan, at, o, w, ready)
}

// Listen passes the start of each packet on a node's links to see, one packet at a time, while do runs.
func (l *Lab) Listen(ctx context.Context, node string, see func(frame []byte), do func() error) error {
	return capture.Listen(ctx, l.engine, l.Plan, capture.Where{Node: node}, see, do)
}

// StartCapture keeps the last seconds of every bridge and router link in memory, until the caller keeps the capture in
// dir or discards the capture.
func (l *Lab) StartCapture(ctx context.Context, dir string, o capture.Options) (*capture.Capture, error) {
	return capture.Start(ctx, l.engine, l.Plan, dir, o)
}
