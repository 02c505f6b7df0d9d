// Package kind makes clusters of containers with kind's library. kind makes the nodes and writes their kubeadm
// configuration. This package runs kubeadm itself, so workers join and addons start while the control plane still
// finishes, and a bring-up can be cancelled.
package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	kindcluster "sigs.k8s.io/kind/pkg/cluster"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/agent/link"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

const (
	// networkEnv is the only way to choose the network of kind's nodes.
	networkEnv = "KIND_EXPERIMENTAL_DOCKER_NETWORK"
	// provisionGrace is the time that a cancelled Create waits for kind's end, so everything made by kind can be
	// removed.
	provisionGrace = 10 * time.Second
)

// environment guards networkEnv: the variable belongs to the process, so two labs brought up by one process would race.
var environment sync.Mutex

// Cluster is one kind cluster, planned or running.
type Cluster struct {
	// Access learns of the nodes when kind has made the nodes of a Create in this process. Before, no command may run
	// in a node: on cgroup v2 a command keeps the node's systemd from delegating controllers.
	*cluster.Access
	plan   *plan.Plan
	engine *docker.Engine
	log    func(string)
}

var _ cluster.Provider = (*Cluster)(nil)

// New describes the cluster of a plan, without any I/O. The kubeconfig file is written to the given path; log gets a
// line for each phase.
func New(e *docker.Engine, p *plan.Plan, kubeconfig string, log func(string)) *Cluster {
	if log == nil {
		log = func(string) {}
	}
	c := &Cluster{plan: p, engine: e, log: log}
	c.Access = cluster.NewAccess(p.Cluster.Name, kubeconfigName(p.Cluster.Name), kubeconfig, c.admin)
	c.Dial = agent.Dialer(e, p.Lab)
	return c
}

// Create makes the cluster: nodes, control plane, workers joined, routes. Create leaves a complete cluster alone,
// starts stopped nodes, and replaces the remains of an interrupted bring-up. Nodes of a failed Create stay for
// inspection. When ctx ends, Create returns as soon as kind has returned: kind cannot be cancelled, and a node started
// by kind after the lab's removal would stay behind.
func (c *Cluster) Create(ctx context.Context, img image.Resolved) error {
	whole, err := c.resume(ctx)
	if err != nil || whole {
		return err
	}
	if err := c.timed(ctx, "nodes", func(ctx context.Context) error { return c.provision(ctx, img) }); err != nil {
		return err
	}
	if err := c.toRacks(ctx); err != nil {
		return err
	}
	if err := c.links(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return c.timed(ctx, "mounts and routes", c.Boot)
	})
	group.Go(func() error {
		return c.timed(ctx, "kubeadm init", func(ctx context.Context) error { return c.initialise(ctx, img) })
	})
	group.Go(func() error { return c.joinAll(ctx, img) })
	return group.Wait()
}

// links makes the nodes' interfaces on further networks. Boot sets the routes.
func (c *Cluster) links(ctx context.Context) error {
	return link.Ensure(ctx, c.engine, c.plan, c.plan.Places().Of(node.KindCluster).Names()...)
}

// Nodes returns handles on the planned nodes, control plane first.
func (c *Cluster) Nodes() []node.Node { return cluster.Nodes(c.engine, c.plan.Cluster) }

// provision lets kind make the nodes' containers, up to their kubeadm configuration.
func (c *Cluster) provision(ctx context.Context, img image.Resolved) error {
	key, err := certificateKey()
	if err != nil {
		return err
	}
	var mounts []any
	for _, m := range c.plan.Cluster.Mounts {
		if m.Volume == "" {
			continue
		}
		folder, err := c.engine.Shared(ctx, m.Volume)
		if err != nil {
			return err
		}
		mounts = append(mounts, map[string]any{"hostPath": folder, "containerPath": m.Where})
	}
	config, err := Config(c.plan, img.Labels, key, mounts)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.callKind(config, img.Ref) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), provisionGrace)
		defer cancel()
		select {
		case <-ended: //nolint:errcheck // the context's error is reported
		case <-grace.Done():
		}
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("cluster %s: nodes: %w", c.plan.Cluster.Name, err)
	}
	if err := c.rename(ctx); err != nil {
		return err
	}
	c.There()
	return nil
}

// callKind runs kind's Create in the network of the plan.
func (c *Cluster) callKind(config []byte, ref string) error {
	network, err := c.network()
	if err != nil {
		return err
	}
	environment.Lock()
	defer environment.Unlock()
	// kind's calls of the engine's client outlive a killed parent; `down` finds the calls by EnvLab.
	for name, value := range map[string]string{networkEnv: network, docker.EnvLab: c.plan.Lab} {
		before, was := os.LookupEnv(name)
		if err := os.Setenv(name, value); err != nil {
			return err
		}
		defer func() {
			if was {
				_ = os.Setenv(name, before)
			} else {
				_ = os.Unsetenv(name)
			}
		}()
	}
	log := &logger{}
	err = c.provider(log).Create(c.plan.Cluster.Name,
		kindcluster.CreateWithRawConfig(config),
		kindcluster.CreateWithNodeImage(ref),
		kindcluster.CreateWithRetain(true),
		kindcluster.CreateWithKubeconfigPath(c.Kubeconfig),
		kindcluster.CreateWithStopBeforeSettingUpKubernetes(true),
	)
	if err != nil {
		return fmt.Errorf("kind: %w%s", err, log.tail())
	}
	return nil
}

func (c *Cluster) provider(log *logger) *kindcluster.Provider {
	return kindcluster.NewProvider(kindcluster.ProviderWithDocker(), kindcluster.ProviderWithLogger(log))
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

// resume inspects the present nodes, and reports whether the cluster is complete. The remains of an incomplete cluster
// are removed.
func (c *Cluster) resume(ctx context.Context) (whole bool, err error) {
	there, err := c.provider(&logger{}).ListNodes(c.plan.Cluster.Name)
	if err != nil {
		return false, fmt.Errorf("cluster %s: %w", c.plan.Cluster.Name, err)
	}
	if len(there) == 0 {
		return false, nil
	}
	if len(there) == len(c.plan.Cluster.Nodes) {
		if err = c.rejoin(ctx); err == nil {
			c.There()
			return true, nil
		}
		if ctx.Err() != nil {
			return false, err
		}
	}
	c.log(fmt.Sprintf("%d of %d nodes are present, an incomplete cluster; all are replaced", len(there), len(c.plan.Cluster.Nodes)))
	if err := c.provider(&logger{}).Delete(c.plan.Cluster.Name, c.Kubeconfig); err != nil {
		return false, fmt.Errorf("cluster %s: remains of an earlier bring-up: %w", c.plan.Cluster.Name, err)
	}
	return false, nil
}

// timed runs a phase and logs its duration.
func (c *Cluster) timed(ctx context.Context, phase string, do func(context.Context) error) error {
	start := time.Now()
	err := do(ctx)
	if err == nil {
		c.log(fmt.Sprintf("%s: %s", phase, time.Since(start).Round(10*time.Millisecond)))
	}
	return err
}

// lastLines cuts a program's output to a length fit for an error.
func lastLines(out string, n int) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// failure makes an error of a command that failed in a node, with the important command instead of the script around
// the command, and the end of the output.
func failure(cmd string, stdout []byte, err error) error {
	var exit *node.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	short := *exit
	short.Cmd = []string{cmd}
	short.Stderr = lastLines(strings.TrimSpace(string(stdout))+"\n"+exit.Stderr, 16)
	return &short
}
