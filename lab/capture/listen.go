package capture

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// Listen passes the beginning of each packet at a place to see, while do runs; see must not keep the bytes.
// Each source calls see from its own goroutine. Missed packets, because this process was too slow, are an
// error.
func Listen(ctx context.Context, e *docker.Engine, p *plan.Plan, at Where, see func(frame []byte), do func() error) error {
	sources, err := sourcesAt(p, at)
	if err != nil {
		return err
	}
	far, err := agent.Of(ctx, e, p.Lab)
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	if far != nil {
		return listenFar(ctx, far, order{At: at}, see, do)
	}
	return listenHere(ctx, e, p, sources, see, do)
}
