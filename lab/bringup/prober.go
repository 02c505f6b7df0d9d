package bringup

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
)

// spreadProber copies the prober from the client's image into the cluster's nodes and the routers, because probes can
// start on any node.
func (b *building) spreadProber(ctx context.Context) error {
	program, err := b.prober(ctx)
	if err != nil {
		return fmt.Errorf("prober: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range b.Plan.Places().Of(node.KindCluster, node.KindRouter) {
		group.Go(func() error {
			return b.make.CopyTo(ctx, p.Container, []docker.File{{Path: probe.Program, Mode: 0o755, Data: program}})
		})
	}
	return group.Wait()
}

// prober returns the program from a client, or from the client's image if the lab has no client. The image is read via a
// container that prober creates, never starts, and removes. The container has the lab's labels, so taking the lab down
// meanwhile also removes the container.
func (b *building) prober(ctx context.Context) ([]byte, error) {
	if len(b.Plan.Clients) > 0 {
		return b.make.Read(ctx, b.Plan.Clients[0].Container, probe.Program)
	}
	image, ok := b.images[plan.ClientImage().Key()]
	if !ok {
		return nil, fmt.Errorf("lab bug: image %s was not resolved", plan.ClientImage().Key())
	}
	made, err := b.engine.Client.ContainerCreate(ctx, client.ContainerCreateOptions{Config: &container.Config{
		Image: image.Ref, Entrypoint: []string{probe.Program},
		Labels: map[string]string{docker.LabelLab: b.Plan.Lab, docker.LabelRole: "file", docker.LabelNode: "prober"},
	}})
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", image.Ref, err)
	}
	program, err := b.make.Read(ctx, made.ID, probe.Program)
	_, gone := b.engine.Client.ContainerRemove(context.WithoutCancel(ctx), made.ID, client.ContainerRemoveOptions{Force: true})
	return program, errors.Join(err, gone)
}
