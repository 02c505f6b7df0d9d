package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/box"
)

const (
	// readyWithin bounds the wait for a container's own readiness.
	readyWithin = 60 * time.Second
	// staysFor is the time for which a container without a ready command must run.
	staysFor = time.Second
)

// StartContainer makes a container of the user's image run, unless the container runs, and waits until the container is
// ready. The container lives in the network namespace of a host like a client's, because the image may lack every program.
// image and hostImage are the engine's names of the images. further, if not nil, gives files besides the plan's files once
// the host runs.
func StartContainer(ctx context.Context, e *docker.Engine, p *plan.Plan, c plan.Container, image, hostImage string, further func(context.Context) ([]docker.File, error)) error {
	_, gone := e.Pid(ctx, c.Host.Container)
	if err := start(ctx, e, p, c.Host, node.KindNamespace, hostImage); err != nil {
		return err
	}
	var files []docker.File
	if further != nil {
		var err error
		if files, err = further(ctx); err != nil {
			return err
		}
	}
	for _, f := range c.Files {
		files = append(files, docker.File{Path: f.Path, Mode: 0o644, Data: []byte(f.Text)})
	}
	if _, ended := e.Pid(ctx, c.Container); gone != nil && ended == nil { // is in the namespace of the host's former life
		if err := box.Stop(ctx, e, c.Container); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	err := box.Ensure(ctx, e, docker.Spec{
		Lab: p.Lab, Role: string(node.KindContainer), Node: c.Name, Name: c.Container, Image: image,
		Entrypoint: c.Command, Env: c.Env, NetworkOf: c.Host.Container,
		CapAdd: c.Capabilities, Privileged: c.Privileged, Files: files,
	})
	if err != nil {
		return err
	}
	return AwaitContainer(ctx, e, c)
}

// AwaitContainer waits until a container is ready. An ended container is an error with the container's last lines.
func AwaitContainer(ctx context.Context, e *docker.Engine, c plan.Container) error {
	n := e.Node(c.Name, node.KindContainer, c.Container)
	var since time.Time
	return box.Await(ctx, e, c.Container, "it is ready", readyWithin, func(ctx context.Context) error {
		if _, err := e.Pid(ctx, c.Container); err != nil {
			return err
		}
		if len(c.Ready) > 0 {
			out, err := n.Exec(ctx, c.Ready...)
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) < staysFor {
			return errors.New("it runs for less than " + staysFor.String())
		}
		return nil
	})
}
