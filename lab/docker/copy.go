package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// File is a file to put into a container, owned by root.
type File struct {
	Path string // absolute; missing folders are made
	Mode int64  // permission bits; 0 means 0644
	Data []byte
}

// CopyTo puts files into a running or stopped container in one request. Existing files are replaced. The copy
// is not atomic for a program that reads the files meanwhile.
func (e *Engine) CopyTo(ctx context.Context, container string, files []File) error {
	if len(files) == 0 {
		return nil
	}
	archive, err := archiveOf(files)
	if err != nil {
		return fmt.Errorf("container %s: %w", container, err)
	}
	if _, err := e.Client.CopyToContainer(ctx, container, client.CopyToContainerOptions{
		DestinationPath: "/", Content: archive, AllowOverwriteDirWithFile: false,
	}); err != nil {
		return fmt.Errorf("container %s: copying %s in: %w", container, paths(files), err)
	}
	return nil
}

func paths(files []File) string {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Path
	}
	return strings.Join(names, ", ")
}

// archiveOf is a tar of the files, with paths from the root.
func archiveOf(files []File) (*bytes.Buffer, error) {
	buf := &bytes.Buffer{}
	w := tar.NewWriter(buf)
	for _, f := range files {
		name, absolute := strings.CutPrefix(f.Path, "/")
		if !absolute || name == "" {
			return nil, fmt.Errorf("lab bug: file %q to be copied in has no absolute path", f.Path)
		}
		mode := f.Mode
		if mode == 0 {
			mode = 0o644
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(f.Data)), Typeflag: tar.TypeReg}); err != nil {
			return nil, fmt.Errorf("archive of %s: %w", f.Path, err)
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, fmt.Errorf("archive of %s: %w", f.Path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return buf, nil
}

// Logs returns the last lines of a container's main process, standard output and standard error in order of
// arrival. A tail of 0 or less returns all lines. The container must not have a terminal.
func (e *Engine) Logs(ctx context.Context, container string, tail int) (string, error) {
	lines := "all"
	if tail > 0 {
		lines = strconv.Itoa(tail)
	}
	stream, err := e.Client.ContainerLogs(ctx, container, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: lines})
	if err != nil {
		return "", fmt.Errorf("container %s: its logs: %w", container, err)
	}
	defer func() { _ = stream.Close() }()
	var both bytes.Buffer
	if _, err := stdcopy.StdCopy(&both, &both, stream); err != nil {
		return both.String(), fmt.Errorf("container %s: reading its logs: %w", container, err)
	}
	return both.String(), nil
}

// Pid returns the host's process ID of a running container's main process. /proc/PID/ns/net is the container's
// network namespace.
func (e *Engine) Pid(ctx context.Context, container string) (int, error) {
	c, err := e.Client.ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if err != nil {
		return 0, fmt.Errorf("container %s: its process ID: %w", container, err)
	}
	if state := c.Container.State; state == nil || state.Pid == 0 {
		return 0, fmt.Errorf("container %s: it has no process: %s; wanted is running", container, e.describe(ctx, container))
	}
	return c.Container.State.Pid, nil
}
