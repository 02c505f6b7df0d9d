package lab

import (
	"context"

	"skidpad.dev/skidpad/lab/cluster"
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
	return watch.Start(ctx, l.engine, l.Plan, kube, sink)
}
