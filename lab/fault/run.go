package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	hosts "skidpad.dev/skidpad/lab/router/client"
	"skidpad.dev/skidpad/lab/router/gateway"
	"skidpad.dev/skidpad/lab/wait"
)

// run is a fault of a container as a whole: killed, stopped, paused or restarted.
type run struct {
	in   *Injector
	at   place
	kind Kind
}

func (r *run) hold() string { return "run/" + r.at.container }

// look remembers the addresses: the engine would give a cluster node the next free one.
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

// stopSeconds is how long a container may take to end in order before it is killed: keepalived hands over first, a
// node's systemd stops its units.
const stopSeconds = 10

func (r *run) apply(ctx context.Context, saved json.RawMessage) error {
	have, err := r.in.inspect(ctx, r.at.container)
	if err != nil {
		return err
	}
	engine, orderly := r.in.engine.Client, stopSeconds
	switch {
	case r.kind == KindRestart:
		if have.State.Running {
			if _, err := engine.ContainerStop(ctx, r.at.container, client.ContainerStopOptions{Timeout: &orderly}); err != nil {
				return fmt.Errorf("container %s: %w", r.at.container, err)
			}
		}
		return r.undo(ctx, saved)
	case !have.State.Running && r.kind == KindPause:
		return fmt.Errorf("container %s: %w", r.at.container, errGone)
	case !have.State.Running:
		return nil
	case r.kind == KindPause:
		return r.pause(ctx)
	case r.kind == KindStop:
		_, err = engine.ContainerStop(ctx, r.at.container, client.ContainerStopOptions{Timeout: &orderly})
	default:
		if err = r.cut(ctx); err != nil {
			return err
		}
		_, err = engine.ContainerKill(ctx, r.at.container, client.ContainerKillOptions{Signal: "KILL"})
	}
	if err != nil {
		return fmt.Errorf("container %s: %s: %w", r.at.container, r.kind, err)
	}
	return r.in.await(ctx, "container "+r.at.container+" does not run", 15*time.Second, func(ctx context.Context) error {
		have, err := r.in.inspect(ctx, r.at.container)
		if err == nil && have.State.Running {
			err = errors.New("it still runs")
		}
		return err
	})
}

// cut takes the links of a container that is to be killed down first: a power cut is silent. Otherwise the kernel would
// close its connections in order, and forward for it until the engine has cleaned up, on a busy machine for longer
// than a gateway's backup waits.
//
// Links go down one after the other, and a routing daemon that sees the first go tells its neighbours by way of the second.
// So nothing is let through any of them before, by one transaction; where the kernel cannot do that, links alone must do.
func (r *run) cut(ctx context.Context) error {
	if r.at.home != r.at.container {
		return nil // it lives in another's namespace, which stays
	}
	have, err := r.in.inspect(ctx, r.at.container)
	if err != nil {
		return err
	}
	own := map[string]bool{}
	for _, ep := range endpointsOf(have) {
		own[ep.MAC] = true
	}
	return r.in.inside(ctx, r.at, func(ns *netns) error {
		links, err := ns.LinkList()
		if err != nil {
			return fmt.Errorf("links of %s: %w", r.at.name, err)
		}
		links = slices.DeleteFunc(links, func(l netlink.Link) bool { return !own[l.Attrs().HardwareAddr.String()] })
		var drops []drop
		for _, l := range links {
			drops = append(drops, drop{device: l.Attrs().Name}, drop{device: l.Attrs().Name, egress: true})
		}
		var lacking *lackError
		if err := ns.install(tablePrefix+"cut", drops); err != nil && !errors.As(err, &lacking) {
			return fmt.Errorf("%s: %w", r.at.name, err)
		}
		for _, l := range links {
			if err := ns.LinkSetDown(l); err != nil {
				return fmt.Errorf("link %s of %s: %w", l.Attrs().Name, r.at.name, err)
			}
		}
		return nil
	})
}

// pause freezes the container and what lives in its namespaces: a frozen router's keepalived would go on alone.
func (r *run) pause(ctx context.Context) error {
	for _, name := range append([]string{r.at.container}, r.at.riders...) {
		have, err := r.in.inspect(ctx, name)
		if err != nil || have.State.Paused || !have.State.Running {
			if name == r.at.container && err != nil {
				return err
			}
			continue
		}
		if _, err := r.in.engine.Client.ContainerPause(ctx, name, client.ContainerPauseOptions{}); err != nil {
			return fmt.Errorf("container %s: %w", name, err)
		}
	}
	return nil
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

// inspect looks at a container; one that is not there is errGone.
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

// revive makes a container run that has ended, with the addresses that it had.
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
	case node.KindGateway:
		return in.reviveMember(ctx, at)
	}
	return in.reviveNode(ctx, at, before)
}

// reviveMember starts a gateway's member. Where its router does not run, it comes back with that.
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

// await tries every 50 ms until try succeeds, or the container is gone.
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
