package watch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

const callWatch = "watch"

// tidings is a message of the agent: an event, or the report that every source listens.
type tidings struct {
	Event *timeline.Event `json:"event,omitempty"`
	Ready bool            `json:"ready,omitempty"`
}

// Handlers returns the agent's end of watches. start begins to listen to the whole lab, including the Kubernetes API and
// the faults from other processes.
func Handlers(start func(context.Context, timeline.Sink) (*Watch, error)) map[string]agent.Handler {
	return map[string]agent.Handler{callWatch: func(ctx context.Context, s *agent.Stream) error {
		if err := s.Receive(nil); err != nil {
			return err
		}
		open, cancel := s.WhileOpen(ctx)
		defer cancel()
		w, err := start(open, timeline.SinkFunc(func(e timeline.Event) { _ = s.Send(tidings{Event: &e}) }))
		if err != nil {
			return err
		}
		if err := s.Send(tidings{Ready: true}); err == nil {
			<-open.Done()
		}
		// The routers forget the listener, also if the client is gone.
		return w.Stop(context.WithoutCancel(ctx))
	}}
}

// far is a watch by the agent.
type far struct {
	stream *agent.Stream
	ended  chan struct{}
	err    error // error of the end; readable when ended is closed
}

// startFar makes the agent listen. Events carry the stamps of the engine's machine.
func startFar(ctx context.Context, c *agent.Client, p *plan.Plan, sink timeline.Sink) (*Watch, error) {
	w := &Watch{plan: p, sink: sink}
	w.ended, w.cancel = context.WithCancel(ctx)
	s, err := c.CallUntil(w.ended, callWatch, nil)
	if err != nil {
		w.cancel()
		return nil, fmt.Errorf("watch of lab %s: %w", p.Lab, err)
	}
	w.far = &far{stream: s, ended: make(chan struct{})}
	ready := make(chan struct{})
	go func() {
		defer close(w.far.ended)
		w.far.err = w.far.receive(sink, ready)
		if w.far.err != nil && !w.stopping() {
			w.missing("agent", w.far.err)
		}
	}()
	select {
	case <-ready:
		return w, nil
	case <-w.far.ended:
		err = w.far.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	w.cancel()
	return nil, fmt.Errorf("watch of lab %s: %w", p.Lab, err)
}

// receive hands events to sink until the stream ends.
func (f *far) receive(sink timeline.Sink, ready chan<- struct{}) error {
	for {
		var h tidings
		if err := f.stream.Receive(&h); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if h.Event != nil {
			h.Event.Wall = h.Event.Wall.Local()
			sink.Add(*h.Event)
		}
		if h.Ready {
			close(ready)
		}
	}
}

func (f *far) stop(ctx context.Context) error {
	select {
	case <-f.ended:
		return f.err
	case <-ctx.Done():
		f.stream.Abort(context.Cause(ctx))
		return fmt.Errorf("watch: the agent has not stopped: %w", context.Cause(ctx))
	}
}
