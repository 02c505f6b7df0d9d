package bringup

import (
	"archive/tar"
	"context"
	"fmt"
	"io"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/router"
	clients "skidpad.dev/skidpad/lab/router/client"
	"skidpad.dev/skidpad/lab/router/gateway"
)

// maker makes the containers and the networks of a lab. ref is the engine's name of the image.
type maker interface {
	Network(ctx context.Context, n plan.Network, labels map[string]string) error
	// Keep records values of the lab, in place of an earlier record.
	Keep(ctx context.Context, lab string, values map[string]string) error
	Router(ctx context.Context, r plan.Router, ref string) error
	Gateway(ctx context.Context, g plan.Gateway, ref string) error
	Client(ctx context.Context, c plan.Client, ref string) error
	// Container starts a container with its host; hostRef is the engine's name of the host's image.
	Container(ctx context.Context, c plan.Container, ref, hostRef string) error
	// Await waits until a container is ready.
	Await(ctx context.Context, c plan.Container) error
	// Raise raises the host's limits for the nodes of a cluster.
	Raise(nodes int, note func(string)) error
	// CopyTo writes files into a container.
	CopyTo(ctx context.Context, container string, files []docker.File) error
	// Read reads a file out of a container.
	Read(ctx context.Context, container, path string) ([]byte, error)
}

// installer makes the parts of a cluster.
type installer interface {
	Addon(a plan.Addon, note func(string)) (addon.Addon, error)
	Workload(w plan.Workload) (addon.Addon, error)
}

// inEngine is the maker and the installer of a plan in an engine.
type inEngine struct {
	*docker.Engine
	plan   *plan.Plan
	images map[string]image.Resolved
}

func (e inEngine) Network(ctx context.Context, n plan.Network, labels map[string]string) error {
	return e.CreateNetwork(ctx, e.plan.Lab, n, labels)
}

func (e inEngine) Router(ctx context.Context, r plan.Router, ref string) error {
	made, err := router.New(e.Engine, e.plan, r, ref)
	if err != nil {
		return err
	}
	return made.Start(ctx)
}

func (e inEngine) Gateway(ctx context.Context, g plan.Gateway, ref string) error {
	return gateway.New(e.Engine, e.plan, g, ref).Start(ctx)
}

func (e inEngine) Client(ctx context.Context, c plan.Client, ref string) error {
	return clients.Start(ctx, e.Engine, e.plan, c, ref)
}

// Container puts the prober of the host's image into the container, because probes start anywhere.
func (e inEngine) Container(ctx context.Context, c plan.Container, ref, hostRef string) error {
	return clients.StartContainer(ctx, e.Engine, e.plan, c, ref, hostRef, func(ctx context.Context) ([]docker.File, error) {
		program, err := e.Read(ctx, c.Host.Container, probe.Program)
		return []docker.File{{Path: probe.Program, Mode: 0o755, Data: program}}, err
	})
}

func (e inEngine) Await(ctx context.Context, c plan.Container) error {
	return clients.AwaitContainer(ctx, e.Engine, c)
}

func (inEngine) Raise(nodes int, note func(string)) error { return host.Raise(nodes, note) }

func (e inEngine) Addon(a plan.Addon, note func(string)) (addon.Addon, error) {
	return addon.NewPlanned(e.plan, a, e.images, note)
}

func (e inEngine) Workload(w plan.Workload) (addon.Addon, error) {
	return addon.NewWorkload(e.plan, w, e.images)
}

// Read reads a file out of a running or stopped container.
func (e inEngine) Read(ctx context.Context, container, path string) ([]byte, error) {
	got, err := e.Engine.Client.CopyFromContainer(ctx, container, client.CopyFromContainerOptions{SourcePath: path})
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", container, path, err)
	}
	defer func() { _ = got.Content.Close() }()
	archive := tar.NewReader(got.Content)
	if _, err := archive.Next(); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", container, path, err)
	}
	return io.ReadAll(archive)
}
