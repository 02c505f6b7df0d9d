//go:build !linux

package watch

import (
	"context"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

func startHere(context.Context, *docker.Engine, *plan.Plan, *cluster.Kube, timeline.Sink, []Source) (*Watch, error) {
	return nil, agent.ErrElsewhere
}
