//go:build !linux

package link

import (
	"context"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

func makeAll(context.Context, *docker.Engine, *plan.Plan) ([]string, error) {
	return nil, agent.ErrElsewhere
}

func impairAll(context.Context, *docker.Engine, *plan.Plan, bool) error { return agent.ErrElsewhere }

func missingImpairments(context.Context, *docker.Engine, *plan.Plan) ([]string, error) {
	return nil, agent.ErrElsewhere
}
