package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// The calls of an agent.
const (
	callHold   = "capture/hold"
	callRecord = "capture/record"
	callListen = "capture/listen"
)

// Handlers returns the agent's end of captures in a lab.
func Handlers(e *docker.Engine, p *plan.Plan) map[string]agent.Handler {
	h := handlers{e, p}
	return map[string]agent.Handler{callHold: h.hold, callRecord: h.record, callListen: h.listen}
}

type handlers struct {
	engine *docker.Engine
	plan   *plan.Plan
}

// order is the request of all calls.
type order struct {
	At      Where   `json:"at"`
	Options Options `json:"options"`
}

// parcel is a message of the agent. The first message is empty: every socket listens.
type parcel struct {
	File    string    `json:"file,omitempty"` // begins this file
	Data    []byte    `json:"data,omitempty"`
	Frames  [][]byte  `json:"frames,omitempty"`
	Counted []Counted `json:"counted,omitempty"`
}

// begin makes a call, and returns when every socket listens.
func begin(ctx context.Context, c *agent.Client, method string, o order) (*agent.Stream, error) {
	s, err := c.Call(context.WithoutCancel(ctx), method, o)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { s.Abort(context.Cause(ctx)) })()
	if err := s.Receive(nil); err != nil {
		s.Abort(err)
		return nil, err
	}
	return s, nil
}

// heldFar are packets that the agent holds.
type heldFar struct{ stream *agent.Stream }

func startFar(ctx context.Context, c *agent.Client, o Options) (heldFar, error) {
	s, err := begin(ctx, c, callHold, order{Options: o})
	return heldFar{s}, err
}

// keepOrder is the second message of a client that wants the packets.
type keepOrder struct {
	Reason string `json:"reason"`
}

func (h handlers) hold(ctx context.Context, s *agent.Stream) error {
	var o order
	if err := s.Receive(&o); err != nil {
		return err
	}
	r, err := startRings(ctx, h.engine, h.plan, o.Options)
	if err != nil {
		return err
	}
	var k keepOrder
	if err := errors.Join(s.Send(parcel{}), s.Receive(&k)); errors.Is(err, io.EOF) {
		return r.discard()
	} else if err != nil {
		return errors.Join(err, r.discard())
	}
	dir, err := os.MkdirTemp("", "skidpad-capture-")
	if err != nil {
		return errors.Join(err, r.discard())
	}
	defer func() { _ = os.RemoveAll(dir) }()
	files, err := r.keep(dir, k.Reason)
	for _, f := range files {
		err = errors.Join(err, sendFile(s, f))
	}
	return err
}

func sendFile(s *agent.Stream, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := s.Send(parcel{File: filepath.Base(path)}); err != nil {
		return err
	}
	_, err = io.Copy(sender{s}, f)
	return err
}

// sender writes data as messages.
type sender struct{ *agent.Stream }

func (s sender) Write(p []byte) (int, error) { return len(p), s.Send(parcel{Data: p}) }

func (h heldFar) keep(dir, reason string) (files []string, err error) {
	if err := errors.Join(h.stream.Send(keepOrder{reason}), os.MkdirAll(dir, 0o755)); err != nil {
		h.stream.Abort(err)
		return nil, fmt.Errorf("captures: %w", err)
	}
	h.stream.Finish()
	var f *os.File
	end := func() {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	for {
		var p parcel
		if e := h.stream.Receive(&p); errors.Is(e, io.EOF) {
			end()
			return files, err
		} else if e != nil {
			end()
			return files, errors.Join(err, fmt.Errorf("captures: %w", e))
		}
		if p.File != "" {
			end()
			path := filepath.Join(dir, filepath.Base(p.File))
			var e error
			if f, e = os.Create(path); e != nil {
				err = errors.Join(err, fmt.Errorf("captures: %w", e))
				continue
			}
			files = append(files, path)
		}
		if f != nil && len(p.Data) > 0 {
			if _, e := f.Write(p.Data); e != nil {
				err = errors.Join(err, fmt.Errorf("captures: %w", e))
			}
		}
	}
}

func (h heldFar) discard() error {
	h.stream.Finish()
	return h.stream.Drain()
}

func (h handlers) record(ctx context.Context, s *agent.Stream) error {
	var o order
	if err := s.Receive(&o); err != nil {
		return err
	}
	ctx, cancel := s.WhileOpen(ctx)
	defer cancel()
	counted, err := Record(ctx, h.engine, h.plan, o.At, o.Options, sender{s}, func() { _ = s.Send(parcel{}) })
	if counted != nil {
		err = errors.Join(err, s.Send(parcel{Counted: counted}))
	}
	return err
}

// recordFar is Record by the agent. The file's head comes before the first empty message.
func recordFar(ctx context.Context, c *agent.Client, o order, w io.Writer, ready func()) (counted []Counted, err error) {
	s, err := c.CallUntil(ctx, callRecord, o)
	if err != nil {
		return nil, err
	}
	for {
		var p parcel
		if e := s.Receive(&p); errors.Is(e, io.EOF) {
			return counted, err
		} else if e != nil {
			return counted, errors.Join(err, e)
		}
		switch {
		case p.Counted != nil:
			counted = p.Counted
		case p.Data == nil && ready != nil:
			ready()
		case err == nil:
			if _, e := w.Write(p.Data); e != nil {
				err = fmt.Errorf("capture: writing: %w", e)
				s.Finish()
			}
		}
	}
}

// framesWaiting is the number of frames that wait for the stream before the capture misses packets, and says so.
const framesWaiting = 8192

func (h handlers) listen(ctx context.Context, s *agent.Stream) error {
	var o order
	if err := s.Receive(&o); err != nil {
		return err
	}
	frames := make(chan []byte, framesWaiting)
	var sent chan error
	err := Listen(ctx, h.engine, h.plan, o.At, func(frame []byte) { frames <- append([]byte{}, frame...) }, func() error {
		sent = make(chan error, 1)
		go func() { sent <- sendFrames(s, frames) }()
		if err := s.Receive(nil); !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	})
	close(frames)
	if sent != nil {
		err = errors.Join(err, <-sent)
	}
	return err
}

// sendFrames sends an empty message and then all frames, as many at once as wait.
func sendFrames(s *agent.Stream, frames <-chan []byte) error {
	err := s.Send(parcel{})
	for first := range frames {
		batch := [][]byte{first}
		for len(frames) > 0 && len(batch) < framesWaiting {
			batch = append(batch, <-frames)
		}
		if err == nil {
			err = s.Send(parcel{Frames: batch})
		}
	}
	return err
}

// listenFar is Listen by the agent; see is called from one goroutine.
func listenFar(ctx context.Context, c *agent.Client, o order, see func(frame []byte), do func() error) error {
	s, err := begin(ctx, c, callListen, o)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		for {
			var p parcel
			if err := s.Receive(&p); errors.Is(err, io.EOF) {
				ended <- nil
				return
			} else if err != nil {
				ended <- err
				return
			}
			for _, f := range p.Frames {
				see(f)
			}
		}
	}()
	err = do()
	s.Finish()
	return errors.Join(err, <-ended)
}
