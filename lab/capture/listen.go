package capture

import (
	"context"
	"errors"
	"fmt"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// headers is enough of a packet to read source and destination, also within a tunnel with options.
const headers = 256

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
	t, err := openTap(ctx, e, p, sources, Options{SnapLen: headers}, func(_ string, pk packet) { see(pk.data) })
	if err != nil {
		return err
	}
	err = errors.Join(do(), t.close())
	for name, n := range t.stats() {
		if n.dropped > 0 {
			err = errors.Join(err, fmt.Errorf("capture on %s: %d packets were missed", name, n.dropped))
		}
	}
	return err
}
