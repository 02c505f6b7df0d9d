// Package box has the container work shared by routers, gateways and clients: to start a container or find a running
// container, to restart a container together with the containers in its namespaces, and to wait on a condition.
package box

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plain"
	"skidpad.dev/skidpad/lab/wait"
)

// Ensure makes the container run. A running container is left alone. A stopped container is started with the spec's
// files. A container is made again in two cases: a never started container may lack the files, and a container in the
// network namespace of a replaced container can never start again.
func Ensure(ctx context.Context, e *docker.Engine, s docker.Spec) error {
	have, err := e.Client.ContainerInspect(ctx, s.Name, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		_, err = e.Start(ctx, s)
		return err
	case err != nil:
		return fmt.Errorf("container %s: looking whether it runs: %w", s.Name, err)
	}
	lost, err := lostHost(ctx, e, s, have.Container.HostConfig)
	if err != nil {
		return err
	}
	state := have.Container.State.Status
	switch {
	case lost || state == container.StateCreated:
		if _, err := e.Client.ContainerRemove(ctx, s.Name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("container %s: removing it half made: %w", s.Name, err)
		}
		_, err = e.Start(ctx, s)
		return err
	case state == container.StateRunning:
		return nil
	default:
		if err := e.CopyTo(ctx, s.Name, s.Files); err != nil {
			return err
		}
		return restart(ctx, e, s.Name)
	}
}

// lostHost reports whether the container's network namespace belongs to a container that has been replaced.
func lostHost(ctx context.Context, e *docker.Engine, s docker.Spec, have *container.HostConfig) (bool, error) {
	if s.NetworkOf == "" || have == nil {
		return false, nil
	}
	host, err := e.Client.ContainerInspect(ctx, s.NetworkOf, client.ContainerInspectOptions{})
	if err != nil {
		return false, fmt.Errorf("container %s: looking for %s, whose network it shares: %w", s.Name, s.NetworkOf, err)
	}
	return string(have.NetworkMode) != "container:"+host.Container.ID, nil
}

// Restart restarts a container, running or not, and then the riders: the containers in its namespaces, which ended with
// the container. Restart leaves out missing riders.
func Restart(ctx context.Context, e *docker.Engine, name string, riders []string) error {
	if err := restart(ctx, e, name); err != nil {
		return err
	}
	return eachRider(ctx, riders, func(ctx context.Context, r string) error { return restart(ctx, e, r) })
}

// eachRider calls do for all riders side by side, and leaves out missing riders.
func eachRider(ctx context.Context, riders []string, do func(ctx context.Context, rider string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range riders {
		group.Go(func() error {
			if err := do(ctx, r); !errdefs.IsNotFound(err) {
				return err
			}
			return nil
		})
	}
	return group.Wait()
}

func restart(ctx context.Context, e *docker.Engine, name string) error {
	second := 1 // no container of a lab takes longer to end, or has more to save
	if _, err := e.Client.ContainerRestart(ctx, name, client.ContainerRestartOptions{Timeout: &second}); err != nil {
		return fmt.Errorf("container %s: restarting it: %w", name, err)
	}
	return nil
}

// Stop stops a container. A stopped container stays stopped.
func Stop(ctx context.Context, e *docker.Engine, name string) error {
	second := 1
	if _, err := e.Client.ContainerStop(ctx, name, client.ContainerStopOptions{Timeout: &second}); err != nil {
		return fmt.Errorf("container %s: stopping it: %w", name, err)
	}
	return nil
}

// Await tries every 100 ms until try succeeds or the container has ended. The error of an overdue wait and of an ended
// container carries the container's last lines.
func Await(ctx context.Context, e *docker.Engine, name, what string, within time.Duration, try func(context.Context) error) error {
	err := wait.Until(ctx, wait.For{What: what, Within: within}, func(limited context.Context) error {
		seen := try(limited)
		if seen == nil {
			return nil
		}
		if have, err := e.Client.ContainerInspect(ctx, name, client.ContainerInspectOptions{}); err == nil && !have.Container.State.Running {
			return wait.Stop(fmt.Errorf("it is %s with exit code %d", have.Container.State.Status, have.Container.State.ExitCode))
		}
		return seen
	})
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("container %s: %w", name, err)
	}
	logs, _ := e.Logs(ctx, name, 15)
	return fmt.Errorf("container %s: %w; it wrote:\n%s", name, err, plain.Hide(logs))
}
