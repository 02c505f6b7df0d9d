package fault

import (
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// On returns an injector for a running lab. The injector reports the faults to sink; sink may be nil.
func On(l *live.Lab, sink timeline.Sink) (*Injector, error) {
	dir, err := live.Dir(l.Plan.Lab)
	if err != nil {
		return nil, err
	}
	return New(l.Engine(), l.Plan, dir, l.Kube, sink), nil
}

// All returns the faults of an entry in a scenario file: a single fault, or a fault for each node of the cluster.
func All(p *plan.Plan, f scenario.Fault) []Fault { return each(f.Fields.(Fault), p) }
