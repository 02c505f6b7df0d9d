//go:build !linux

package capture

import (
	"context"
	"io"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

func startRings(context.Context, *docker.Engine, *plan.Plan, Options) (held, error) {
	return nil, agent.ErrElsewhere
}

func listenHere(context.Context, *docker.Engine, *plan.Plan, []source, func([]byte), func() error) error {
	return agent.ErrElsewhere
}

func recordHere(context.Context, *docker.Engine, *plan.Plan, []source, Options, io.Writer, func()) ([]Counted, error) {
	return nil, agent.ErrElsewhere
}
