package live

import (
	"context"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/timeline"
)

// Injector makes faults in the lab; what it does is told to sink, which may be nil.
func (l *Lab) Injector(sink timeline.Sink) (*fault.Injector, error) {
	dir, err := Dir(l.Plan.Lab)
	if err != nil {
		return nil, err
	}
	return fault.New(l.engine, l.Plan, dir, l.kube, sink), nil
}

// Kube opens the cluster's API, as its administrator.
func (l *Lab) Kube(ctx context.Context) (*cluster.Kube, error) { return l.kube(ctx) }
