package lab

import (
	"context"
	"maps"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/agent/link"
	"skidpad.dev/skidpad/lab/agent/wire"
	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/watch"
)

// init lets every program with package lab serve as the guard of the program's own faults, as the process that delays packets,
// and as the program's own agent. The agent starts the others, and therefore comes last.
func init() {
	fault.Serve(Kinds())
	wire.Main()
	agent.Main(duties)
}

// duties is the work of a lab's agent.
func duties(ctx context.Context, name string) (agent.Duties, error) {
	l, err := Open(ctx, name)
	if err != nil {
		return agent.Duties{}, err
	}
	handlers, end := fault.Handlers(func(sink timeline.Sink) (*fault.Injector, error) { return fault.On(l, sink) })
	maps.Copy(handlers, link.Handlers(l.Engine(), l.Plan))
	maps.Copy(handlers, capture.Handlers(l.Engine(), l.Plan))
	maps.Copy(handlers, watch.Handlers(func(ctx context.Context, sink timeline.Sink) (*watch.Watch, error) { return watch.On(ctx, l, sink) }))
	return agent.Duties{Handlers: handlers, End: end}, nil
}
