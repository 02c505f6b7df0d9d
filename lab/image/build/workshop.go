package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/system"
)

// LabelWorkshop marks the containers of builds. The value is a file locked by the process that started the container,
// for the life of the process. Containers of the resulting images inherit the label, with an empty value.
const LabelWorkshop = "dev.skidpad.workshop"

// workshop starts a build container, and makes a folder for the output of the build. done removes both.
func (b *Builder) workshop(ctx context.Context, ref string, online bool) (shop Workshop, dir string, done func(), err error) {
	if err := b.Sweep(ctx); err != nil {
		return nil, "", nil, err
	}
	parent := filepath.Join(b.cache, "tmp")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, "", nil, fmt.Errorf("build cache: %w; free the disk or set XDG_CACHE_HOME", err)
	}
	if dir, err = os.MkdirTemp(parent, "workshop-"); err != nil {
		return nil, "", nil, fmt.Errorf("build cache: %w; free the disk or set XDG_CACHE_HOME", err)
	}
	unlock, err := lock(ctx, lockOf(dir))
	if err != nil {
		return nil, "", nil, err
	}
	shop, err = b.Engine.Workshop(ctx, ref, lockOf(dir), online)
	if err != nil {
		_ = os.RemoveAll(dir)
		unlock()
		return nil, "", nil, err
	}
	return shop, dir, func() {
		if shop.Close() == nil {
			_ = os.RemoveAll(dir)
		}
		unlock()
	}, nil
}

func lockOf(dir string) string { return filepath.Join(dir, "lock") }

// Sweep removes the remains of killed builds: build containers, with their volumes and folders. Sweep leaves everything
// of a living process alone.
func (b *Builder) Sweep(ctx context.Context) error {
	shops, err := b.Engine.Workshops(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for owner, shop := range shops {
		if abandoned(owner) {
			errs = append(errs, shop.Close())
		}
	}
	dirs, err := filepath.Glob(filepath.Join(b.cache, "tmp", "workshop-*"))
	errs = append(errs, err)
	for _, dir := range dirs {
		if abandoned(lockOf(dir)) {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// abandoned reports whether no process holds the lock of a workshop. If the lock's file is invisible, the owner may be
// on another machine or another user, so the workshop counts as in use.
func abandoned(owner string) bool {
	file, err := os.OpenFile(owner, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	return system.TryLock(file) == nil
}

type workshop struct {
	c    *client.Client
	id   string
	from string
}

func (w *workshop) Exec(ctx context.Context, stdin io.Reader, stdout io.Writer, script string) error {
	fail := func(err error) error { return fmt.Errorf("build container of %s: %w", w.from, err) }
	made, err := w.c.ExecCreate(ctx, w.id, client.ExecCreateOptions{
		AttachStdin: stdin != nil, AttachStdout: true, AttachStderr: true,
		Cmd: []string{"bash", "-euo", "pipefail", "-c", script},
	})
	if err != nil {
		return fail(err)
	}
	stream, err := w.c.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return fail(err)
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()
	if stdin != nil {
		go func() {
			// A command that stops reading early explains the reason on standard error.
			_, _ = io.Copy(stream.Conn, stdin)
			_ = stream.CloseWrite()
		}()
	}
	var said bytes.Buffer
	if stdout == nil {
		stdout = &said
	}
	if _, err := stdcopy.StdCopy(stdout, &said, stream.Reader); err != nil {
		return fail(cmpErr(ctx.Err(), err))
	}
	state, err := w.c.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	if err != nil {
		return fail(err)
	}
	if state.ExitCode != 0 {
		return fail(fmt.Errorf("exit code %d: %s", state.ExitCode, tail(said.String(), 15)))
	}
	return nil
}

// cmpErr prefers the reason for a cut stream to the error of the cut stream.
func cmpErr(reason, err error) error {
	if reason != nil {
		return reason
	}
	return err
}

func (w *workshop) Commit(ctx context.Context, ref string, labels map[string]string) error {
	from, err := w.c.ImageInspect(ctx, w.from)
	if err != nil {
		return fmt.Errorf("build container of %s: %w", w.from, err)
	}
	config := &container.Config{Labels: map[string]string{}}
	if c := from.Config; c != nil {
		config.Env, config.Entrypoint, config.Cmd = c.Env, c.Entrypoint, c.Cmd
		config.WorkingDir, config.User, config.StopSignal = c.WorkingDir, c.User, c.StopSignal
		config.Volumes = c.Volumes
		maps.Copy(config.Labels, c.Labels)
	}
	maps.Copy(config.Labels, labels)
	config.Labels[LabelWorkshop] = ""
	if _, err := w.c.ContainerCommit(ctx, w.id, client.ContainerCommitOptions{Reference: ref, Config: config}); err != nil {
		return explainDisk("image "+ref, fmt.Errorf("commit image %s: %w", ref, err))
	}
	return nil
}

func (w *workshop) Close() error {
	// The build's own context may have ended; the container must be removed all the same.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := w.c.ContainerRemove(ctx, w.id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil {
		return fmt.Errorf("remove the build container of %s: %w", w.from, err)
	}
	return nil
}
