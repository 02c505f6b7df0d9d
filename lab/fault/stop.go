package fault

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
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

// Bound is the bound of a silent node. A guard that is asked to end hands the address over. Neighbors of a router with graceful
// restart keep the router's routes after the orderly end, so no timer of theirs bounds the outage.
func (f *Stop) Bound(c Case) *bound.Bound {
	vrrp, guarded := c.backup(f.Node)
	switch {
	case guarded && !c.Clear && c.guard(f.Node):
		return ref(vrrp.Released())
	case !guarded && !c.worker(f.Node) && c.graceful():
		return nil
	}
	return c.silent(f.Node)
}

// APIBound is the bound of a silent control plane.
func (f *Stop) APIBound(p *plan.Plan) *bound.Bound { return apiSilent(p, f.Node) }

func (f *Stop) action(s spot) action { return &run{spot: s, end: (*run).stop} }

// stopSeconds is the time for an orderly end before the engine kills the container. keepalived hands over first, and a node's
// systemd stops the units.
const stopSeconds = 10

// stop first stops the riders, in parallel, like an init system: keepalived takes the VIPs off the links. The engine removes
// the links of a stopped container later, on a busy machine seconds later. Until then the kernel answers ARP for every
// address on the links.
func (r *run) stop(ctx context.Context) error {
	group, riders := errgroup.WithContext(ctx)
	for _, name := range r.at.riders {
		group.Go(func() error {
			if err := r.in.stop(riders, name); !errdefs.IsNotFound(err) {
				return err
			}
			return nil // never made
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return r.in.stop(ctx, r.at.container)
}

func (in *Injector) stop(ctx context.Context, container string) error {
	seconds := stopSeconds
	if _, err := in.engine.Client.ContainerStop(ctx, container, client.ContainerStopOptions{Timeout: &seconds}); err != nil {
		return fmt.Errorf("container %s: stopping it: %w", container, err)
	}
	return nil
}
