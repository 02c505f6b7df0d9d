package k3s

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/wait"
)

// k3s's paths for its inputs (https://docs.k3s.io: private-registry, airgap, advanced).
const (
	registriesFile = "/etc/rancher/k3s/registries.yaml"
	imagesFolder   = "/var/lib/rancher/k3s/agent/images"
	containerdFile = "/var/lib/rancher/k3s/agent/etc/containerd/config-v3.toml.d/skidpad.toml"
	startFile      = "/usr/local/lib/skidpad/start.sh"
	modulesFolder  = "/lib/modules" // of the kernel shared by all
)

// startScript prepares a node's container like a machine for k3s, and becomes k3s. The script runs at each start of the
// container, with k3s's arguments. Cilium's maps and its view of cgroups must be shared with its pods. On cgroup v2 the
// root group, which delegates controllers, must have no process. The script must work in busybox, too.
const startScript = `#!/bin/sh
set -e
mount --make-rshared /
mount | grep -q ' /sys/fs/bpf ' || mount -t bpf bpffs /sys/fs/bpf
mount --make-shared /sys/fs/bpf
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p /sys/fs/cgroup/init
  for p in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$p" > /sys/fs/cgroup/init/cgroup.procs 2>/dev/null || true; done
  sed -e 's/ / +/g' -e 's/^/+/' < /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control
fi
`

// start returns the script with the plan's routes.
func (c *Cluster) start() []byte {
	var b strings.Builder
	b.WriteString(startScript)
	for _, r := range c.plan.Cluster.Routes {
		fmt.Fprintf(&b, "ip route replace %s via %s\n", r.To, r.Via)
	}
	b.WriteString("exec /bin/k3s \"$@\"\n")
	return []byte(b.String())
}

// startNode starts a server or an agent.
func (c *Cluster) startNode(ctx context.Context, n plan.Node, ref, archives, token string) error {
	network, err := c.network()
	if err != nil {
		return err
	}
	k := c.plan.Cluster.K3s
	files := []docker.File{
		{Path: startFile, Mode: 0o755, Data: c.start()},
		{Path: plan.K3sTokenFile, Mode: 0o600, Data: []byte(token + "\n")},
	}
	if k.Registries != "" {
		files = append(files, docker.File{Path: registriesFile, Mode: 0o600, Data: []byte(k.Registries)})
	}
	if k.Containerd != "" {
		files = append(files, docker.File{Path: containerdFile, Data: []byte(k.Containerd)})
	}
	machine := &docker.Machine{
		Volumes: []string{"/var/lib/rancher/k3s", "/var/lib/kubelet", "/var/lib/cni", "/var/log"},
		Tmpfs:   []string{"/run", "/var/run", "/tmp"},
	}
	if n.ControlPlane {
		machine.Publish = []int{cluster.APIPort}
	}
	mounts := []docker.Mount{{Source: archives, Target: imagesFolder, ReadOnly: true}}
	if _, err := os.Stat(modulesFolder); err == nil {
		mounts = append(mounts, docker.Mount{Source: modulesFolder, Target: modulesFolder, ReadOnly: true})
	}
	_, err = c.engine.Start(ctx, docker.Spec{
		Lab: c.plan.Lab, Role: string(node.KindCluster), Node: n.Short, Name: n.Name, Image: ref,
		Entrypoint: []string{"/bin/sh", startFile}, Cmd: n.Args,
		Networks: []docker.Attach{{Network: network, Address: n.Address}},
		Files:    files, Machine: machine,
		Mounts: mounts,
	})
	return err
}

// startDatastore starts etcd and waits for an answer.
func (c *Cluster) startDatastore(ctx context.Context) error {
	network, err := c.network()
	if err != nil {
		return err
	}
	d := c.plan.Cluster.K3s.Datastore
	n, err := c.engine.Start(ctx, docker.Spec{
		Lab: c.plan.Lab, Role: string(node.KindDatastore), Node: d.Name, Name: d.Container, Image: c.images[d.Image.Key()].Ref,
		Entrypoint: []string{"/usr/local/bin/etcd"},
		Cmd: []string{
			"--name=" + d.Name, "--data-dir=/var/lib/etcd", "--listen-client-urls=http://0.0.0.0:2379", "--advertise-client-urls=" + d.Endpoint,
			// A lab's data need not survive a loss of power.
			"--unsafe-no-fsync",
		},
		Networks: []docker.Attach{{Network: network, Address: d.Address}},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, datastoreWithin)
	defer cancel()
	return wait.Until(ctx, wait.For{What: "datastore " + d.Container, Each: cluster.OneCall}, func(ctx context.Context) error {
		_, err := n.Exec(ctx, "/usr/local/bin/etcdctl", "endpoint", "health")
		return err
	})
}

// saveImages writes the plan's archives into a folder beside the kubeconfig; the folder is removed with the lab. All
// nodes share the folder, so the engine must be this machine's own.
func (c *Cluster) saveImages(ctx context.Context) (string, error) {
	dir := filepath.Join(filepath.Dir(c.Kubeconfig), "images")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("image archives: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, i := range c.plan.Cluster.K3s.Archives {
		got, ok := c.images[i.Key()]
		if !ok {
			return "", fmt.Errorf("lab bug: image %s of an archive is not resolved", i.Key())
		}
		group.Go(func() error {
			if err := c.save(ctx, got.Ref, filepath.Join(dir, archiveName(i))); err != nil {
				return fmt.Errorf("image %s as an archive: %w; is there room on the disk?", got.Ref, err)
			}
			return nil
		})
	}
	return dir, group.Wait()
}

// archiveName is the file name of an image's archive.
func archiveName(i plan.Image) string {
	return strings.NewReplacer("/", "_", ":", "_").Replace(i.Key()) + ".tar"
}

func (c *Cluster) save(ctx context.Context, ref, path string) error {
	r, err := c.engine.Client.ImageSave(ctx, []string{ref})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// network returns the engine's name of the nodes' network.
func (c *Cluster) network() (string, error) {
	for _, n := range c.plan.Networks {
		if n.Name == c.plan.Cluster.Network {
			return n.Docker, nil
		}
	}
	return "", fmt.Errorf("lab bug: the plan has no network %q for its cluster", c.plan.Cluster.Network)
}
