package fault

import (
	"context"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/scenario"
)

// Stop ends a container as an operator does: processes are asked to end first.
type Stop struct {
	Node string `json:"stop"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Stop) About() About {
	return About{What: "an orderly end of a container: asked to, and killed after 10 s", Whole: true}
}

// Validate checks the node.
func (f *Stop) Validate(v *scenario.Validation, path string) { anyNode(v, path+".stop", f.Node) }

// String describes the fault.
func (f *Stop) String() string { return words(f, "stop "+f.Node) }

func (f *Stop) action(s spot) action { return &run{spot: s, end: (*run).stop} }

// stopSeconds is how long a container may take to end in order before the engine kills the container: keepalived hands over
// first, a node's systemd stops its units.
const stopSeconds = 10

func (r *run) stop(ctx context.Context) error {
	seconds := stopSeconds
	_, err := r.in.engine.Client.ContainerStop(ctx, r.at.container, client.ContainerStopOptions{Timeout: &seconds})
	return err
}
