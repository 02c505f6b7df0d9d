package capture

import (
	"context"
	"errors"
	"fmt"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// headers is enough of a packet to see whom it is between, also within a tunnel with options.
const headers = 256

// Listen gives the beginning of each packet that passes at a place, while do runs, to see; see must not keep it. It is
// called from one goroutine a source. That packets were missed, since we were too slow, is an error.
func Listen(ctx context.Context, e *docker.Engine, p *plan.Plan, at Where, see func(frame []byte), do func() error) error {
	sources, err := sourcesAt(p, at)
	if err != nil {
		return err
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
