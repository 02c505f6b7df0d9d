package watch

import (
	"context"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/timeline"
)

// On listens to a running lab until Stop or the end of ctx, and gives all events to sink. On returns when every source
// listens. If the cluster does not answer, sink gets an event of a missing source.
func On(ctx context.Context, l *live.Lab, sink timeline.Sink) (*Watch, error) {
	var kube *cluster.Kube
	if l.Plan.Cluster != nil {
		var err error
		if kube, err = l.Kube(ctx); err != nil {
			kube = nil
			sink.Add(timeline.New(timeline.LaneAgent, "kubernetes", "source-missing", "not watched: "+err.Error(), map[string]string{"error": err.Error()}))
		}
	}
	dir, err := live.Dir(l.Plan.Lab)
	if err != nil {
		return nil, err
	}
	// Other processes make faults, too: `skidpad fault` beside `skidpad watch`, and the agent for users who need an agent.
	follow := func(name string, folder func(context.Context) string) Source {
		return Source{Name: name, Follow: func(ctx context.Context, ready func()) error { return fault.Follow(ctx, folder, sink, ready) }}
	}
	return Start(ctx, l.Engine(), l.Plan, kube, sink,
		follow("faults", func(context.Context) string { return dir }), follow("faults of the agent", agent.Folder(l.Engine(), l.Plan.Lab)))
}
