package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	hosts "skidpad.dev/skidpad/lab/router/client"
	"skidpad.dev/skidpad/lab/router/gateway"
	"skidpad.dev/skidpad/lab/wait"
)

// run ends a container as a whole, and starts the container again.
type run struct {
	spot
	end func(*run, context.Context) error
}

func (r *run) hold() string { return "run/" + r.at.container }

// look returns the addresses: without a request for the old addresses, the engine gives a cluster node the next free address.
func (r *run) look(ctx context.Context) (json.RawMessage, error) {
	have, err := r.in.inspect(ctx, r.at.container)
	if err != nil {
		return nil, err
	}
	if !have.State.Running {
		return nil, fmt.Errorf("container %s is %s, wanted is one that runs; see `skidpad status`", r.at.container, have.State.Status)
	}
	return encode(endpointsOf(have))
}

func (r *run) apply(ctx context.Context, _ json.RawMessage) error {
	have, err := r.in.inspect(ctx, r.at.container)
	if err != nil || !have.State.Running {
		return err
	}
	if err := r.end(r, ctx); err != nil {
		return fmt.Errorf("container %s: %s: %w", r.at.container, r.of, err)
	}
	return r.in.await(ctx, "container "+r.at.container+" does not run", 15*time.Second, func(ctx context.Context) error {
		have, err := r.in.inspect(ctx, r.at.container)
		if err == nil && have.State.Running {
			err = errors.New("it still runs")
		}
		return err
	})
}

func (r *run) undo(ctx context.Context, saved json.RawMessage) error {
	for _, name := range append([]string{r.at.container}, r.at.riders...) {
		have, err := r.in.inspect(ctx, name)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return err
		}
		if !have.State.Paused {
			continue
		}
		if _, err := r.in.engine.Client.ContainerUnpause(ctx, name, client.ContainerUnpauseOptions{}); err != nil {
			return fmt.Errorf("container %s: %w", name, err)
		}
	}
	have, err := r.in.inspect(ctx, r.at.container)
	if err != nil || have.State.Running {
		return err
	}
	var before map[string]endpoint
	if err := decode(saved, &before); err != nil {
		return err
	}
	return r.in.revive(ctx, r.at, before)
}

// inspect returns the engine's data of a container. The error of a missing container is errGone.
func (in *Injector) inspect(ctx context.Context, name string) (container.InspectResponse, error) {
	have, err := in.engine.Client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return have.Container, fmt.Errorf("container %s is not there: %w", name, errGone)
	case err != nil:
		return have.Container, fmt.Errorf("container %s: %w", name, err)
	case have.Container.State == nil:
		return have.Container, fmt.Errorf("container %s: the engine tells no state", name)
	}
	return have.Container, nil
}

// revive starts an ended container with the old addresses.
func (in *Injector) revive(ctx context.Context, at place, before map[string]endpoint) error {
	switch at.kind {
	case node.KindRouter:
		r, err := router.New(in.engine, in.plan, routerOf(in.plan, at.name), "")
		if err != nil {
			return err
		}
		return r.Restart(ctx)
	case node.KindClient:
		for _, c := range in.plan.Clients {
			if c.Name == at.name {
				return hosts.Start(ctx, in.engine, in.plan, c, "")
			}
		}
	case node.KindContainer:
		for _, c := range in.plan.Containers {
			if c.Name == at.name {
				return hosts.StartContainer(ctx, in.engine, in.plan, c, "", "", nil)
			}
		}
	case node.KindGateway:
		return in.reviveMember(ctx, at)
	}
	return in.reviveNode(ctx, at, before)
}

// reviveMember starts a gateway's member. If the member's router does not run, reviveMember does nothing: the member comes
// back with the router.
func (in *Injector) reviveMember(ctx context.Context, at place) error {
	home, err := in.inspect(ctx, at.home)
	if err != nil || !home.State.Running {
		return err
	}
	if _, err := in.engine.Client.ContainerStart(ctx, at.container, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("container %s: %w", at.container, err)
	}
	return in.await(ctx, at.name+": keepalived tells its state", 20*time.Second, func(ctx context.Context) error {
		for _, g := range in.plan.Gateways {
			for i, m := range gateway.New(in.engine, in.plan, g, "").Members(ctx) {
				if g.Members[i].Container == at.container && m.State == gateway.Unknown {
					return errors.New(m.Seen)
				}
			}
		}
		return nil
	})
}

// await calls try every 50 ms until try succeeds, or the container is gone.
func (in *Injector) await(ctx context.Context, what string, within time.Duration, try func(context.Context) error) error {
	return wait.Until(ctx, wait.For{What: what, Within: within, Every: 50 * time.Millisecond}, func(ctx context.Context) error {
		err := try(ctx)
		if errors.Is(err, errGone) {
			return wait.Stop(err)
		}
		return err
	})
}

func routerOf(p *plan.Plan, name string) plan.Router {
	for _, r := range p.Routers {
		if r.Name == name {
			return r
		}
	}
	return plan.Router{Name: name}
}
