package live

import (
	"context"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/watch"
)

// Watch listens to the lab until Stop or the end of ctx: what happens goes to sink. It returns when every source that
// can be listened to is. A cluster that does not answer is told there as a source that is missing.
func (l *Lab) Watch(ctx context.Context, sink timeline.Sink) (*watch.Watch, error) {
	var kube *cluster.Kube
	if l.Plan.Cluster != nil {
		var err error
		if kube, err = l.kube(ctx); err != nil {
			kube = nil
			sink.Add(timeline.New(timeline.LaneAgent, "kubernetes", "source-missing", "not watched: "+err.Error(), map[string]string{"error": err.Error()}))
		}
	}
	faults, err := l.foreignFaults(sink)
	if err != nil {
		return nil, err
	}
	return watch.Start(ctx, l.engine, l.Plan, kube, sink, faults)
}

// foreignFaults are the faults that other processes make: `skidpad fault` beside `skidpad watch`.
func (l *Lab) foreignFaults(sink timeline.Sink) (watch.Source, error) {
	dir, err := Dir(l.Plan.Lab)
	if err != nil {
		return watch.Source{}, err
	}
	return watch.Source{Name: "faults", Follow: func(ctx context.Context, ready func()) error {
		return fault.Follow(ctx, dir, sink, ready)
	}}, nil
}
