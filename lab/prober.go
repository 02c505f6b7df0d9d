package lab

import (
	"archive/tar"
	"context"
	"fmt"
	"io"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
)

// spreadProber puts the prober, which the client's image has, into the cluster's nodes and the routers,
// so that probes can start anywhere. Without a client there is none to take it from.
func (l *Lab) spreadProber(ctx context.Context) error {
	if len(l.Plan.Clients) == 0 {
		return nil
	}
	program, err := l.readFile(ctx, l.Plan.Clients[0].Container, probe.Program)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range l.planned() {
		if p.kind != node.KindCluster && p.kind != node.KindRouter {
			continue
		}
		group.Go(func() error {
			return l.engine.CopyTo(ctx, p.container, []docker.File{{Path: probe.Program, Mode: 0o755, Data: program}})
		})
	}
	return group.Wait()
}

// readFile reads a file out of a container.
func (l *Lab) readFile(ctx context.Context, container, path string) ([]byte, error) {
	got, err := l.engine.Client.CopyFromContainer(ctx, container, client.CopyFromContainerOptions{SourcePath: path})
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", container, path, err)
	}
	defer got.Content.Close()
	archive := tar.NewReader(got.Content)
	if _, err := archive.Next(); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", container, path, err)
	}
	return io.ReadAll(archive)
}
