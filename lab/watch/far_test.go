package watch

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

// distant returns a client of an agent that serves a watch.
func distant(t *testing.T, start func(context.Context, timeline.Sink) (*Watch, error)) *agent.Client {
	t.Helper()
	near, far := net.Pipe()
	go func() { _ = agent.Serve(far, Handlers(start)) }()
	c, err := agent.NewClient(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestWatchByAnAgent(t *testing.T) {
	stopped := make(chan struct{})
	c := distant(t, func(ctx context.Context, sink timeline.Sink) (*Watch, error) {
		sink.Add(timeline.Event{At: 1, Lane: timeline.LaneBGP, Kind: "announce"})
		w := &Watch{plan: &plan.Plan{}, sink: sink, stations: &stations{}}
		w.ended, w.cancel = context.WithCancel(ctx)
		w.sources.Go(func() {
			<-w.ended.Done()
			sink.Add(timeline.Event{At: 2, Lane: timeline.LaneBGP, Kind: "withdraw"})
			close(stopped)
		})
		return w, nil
	})
	var mu sync.Mutex
	var seen []string
	sink := timeline.SinkFunc(func(e timeline.Event) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, e.Kind)
	})
	w, err := startFar(t.Context(), c, &plan.Plan{Lab: "l"}, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Stop(t.Context()), w.Stop(t.Context())); err != nil {
		t.Error(err)
	}
	<-stopped
	// The second event came while the watch ended.
	if got := strings.Join(seen, " "); got != "announce withdraw" {
		t.Errorf("saw %q", got)
	}
	// An agent that ends without a request is reported like any missing source.
	if w, err = startFar(t.Context(), distant(t, func(context.Context, timeline.Sink) (*Watch, error) {
		return &Watch{stations: &stations{}, cancel: func() {}}, nil
	}), &plan.Plan{Lab: "l"}, sink); err != nil {
		t.Fatal(err)
	}
	w.far.stream.Abort(errors.New("cut"))
	<-w.far.ended
	if got := strings.Join(seen, " "); got != "announce withdraw source-missing" {
		t.Errorf("saw %q", got)
	}
}

func TestAWatchThatAnAgentCannotStart(t *testing.T) {
	c := distant(t, func(context.Context, timeline.Sink) (*Watch, error) { return nil, errors.New("no such lab") })
	if _, err := startFar(t.Context(), c, &plan.Plan{Lab: "l"}, timeline.SinkFunc(func(timeline.Event) {})); err == nil || !strings.Contains(err.Error(), "no such lab") {
		t.Errorf("got %v", err)
	}
}
