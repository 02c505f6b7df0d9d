package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
)

// Role is the role of the agent's container in its labels.
const Role = "agent"

const (
	// socketInside is the engine's socket in the agent's container. No link is on the path: Docker 28 copies no file into a
	// container with a mount behind a link such as /var/run.
	socketInside = "/run/docker.sock"
	// socketOutside is the socket on the engine's machine. Engines with another socket have this socket, too.
	socketOutside = "/var/run/docker.sock"
	// stateInside is XDG_STATE_HOME in the agent's container.
	stateInside = "/var/lib"
)

// lookEvery is how often Folder asks the engine for a missing agent's container.
const lookEvery = time.Second

// Folder returns a function that returns the lab's folder in the agent's container, as a path on this machine; "" while no
// agent's container runs, and in the agent itself. Only a process that needs no agent can read the folder.
func Folder(e *docker.Engine, lab string) func(context.Context) string {
	var root string
	var looked time.Time
	return func(ctx context.Context) string {
		if _, err := os.Stat(root); err != nil && !inside() && time.Since(looked) > lookEvery {
			root, looked = "", time.Now()
			if pid, err := e.Pid(ctx, containerOf(lab)); err == nil {
				root = fmt.Sprintf("/proc/%d/root%s/skidpad/%s", pid, stateInside, lab)
			}
		}
		return root
	}
}

func containerOf(lab string) string { return "skidpad-" + lab + "-agent" }

// ensure makes the lab's agent container run, and returns the container's name. The container only waits; agents are
// executed inside.
func ensure(ctx context.Context, e *docker.Engine, lab string) (string, error) {
	name := containerOf(lab)
	seen, err := e.Client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		if err := create(ctx, e, lab, name); err != nil {
			return "", err
		}
	case err != nil:
		return "", fmt.Errorf("container %s: %w", name, err)
	case seen.Container.Config == nil || seen.Container.Config.Labels[docker.LabelLab] != lab:
		return "", fmt.Errorf("container %s is not of lab %s; remove or rename it", name, lab)
	case seen.Container.State != nil && seen.Container.State.Running:
		return name, nil
	}
	if _, err := e.Client.ContainerStart(ctx, name, client.ContainerStartOptions{}); err != nil {
		return "", fmt.Errorf("container %s: starting it: %w; the engine must allow privileged containers with the host's namespaces (`skidpad doctor`)", name, err)
	}
	return name, nil
}

// create makes the container. Another process may make the same container at the same time.
func create(ctx context.Context, e *docker.Engine, lab, name string) error {
	image, err := imageFor(ctx, e, lab)
	if err != nil {
		return err
	}
	socket := socketOutside
	if e.Local() {
		socket = strings.TrimPrefix(e.Client.DaemonHost(), "unix://")
	}
	_, err = e.Client.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name,
		Config: &container.Config{
			Image: image, Entrypoint: []string{"sleep", "infinity"}, Cmd: []string{}, User: "0", Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
			Labels: map[string]string{docker.LabelLab: lab, docker.LabelRole: Role, docker.LabelNode: Role},
		},
		HostConfig: &container.HostConfig{
			Privileged: true, PidMode: "host", NetworkMode: "host",
			Mounts: []mount.Mount{{Type: mount.TypeBind, Source: socket, Target: socketInside}},
		},
	})
	if err != nil && !errdefs.IsConflict(err) {
		return fmt.Errorf("container %s: making it: %w", name, err)
	}
	return nil
}

// imageFor returns the image of a container of the lab. Such an image is in the engine, and has sleep and mv.
func imageFor(ctx context.Context, e *docker.Engine, lab string) (string, error) {
	containers, err := e.Containers(ctx, lab)
	if err != nil {
		return "", err
	}
	order := []string{string(node.KindClient), string(node.KindNamespace), string(node.KindRouter), string(node.KindGateway), string(node.KindCluster)}
	containers = slices.DeleteFunc(containers, func(c docker.Info) bool { return !slices.Contains(order, c.Role) })
	if len(containers) == 0 {
		return "", errors.New("the lab has no container whose image the agent could use; see `skidpad status`")
	}
	best := slices.MinFunc(containers, func(a, b docker.Info) int {
		return cmp.Compare(slices.Index(order, a.Role), slices.Index(order, b.Role))
	})
	return best.Image, nil
}
