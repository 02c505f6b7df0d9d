// Package k3s makes clusters of k3s containers: servers with an external etcd, and agents that join by a token
// (https://docs.k3s.io). The package relies on k3s's documented contract alone: verbs, flags, files and folders.
package k3s

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	// joinWithin bounds the time from the API's first answer until all nodes have joined: each node unpacks its images
	// first.
	joinWithin = 10 * time.Minute
	// datastoreWithin bounds the wait for etcd.
	datastoreWithin = 30 * time.Second
)

var nodesResource = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}

// Cluster is one cluster of k3s, planned or running.
type Cluster struct {
	*cluster.Access
	plan   *plan.Plan
	engine *docker.Engine
	images map[string]image.Resolved
	log    func(string)
}

var _ cluster.Provider = (*Cluster)(nil)

// New describes the cluster of a plan, without any I/O. images are the plan's, by key; only Create needs images. The
// kubeconfig file is written to the given path; log gets a line for each phase.
func New(e *docker.Engine, p *plan.Plan, images map[string]image.Resolved, kubeconfig string, log func(string)) *Cluster {
	if log == nil {
		log = func(string) {}
	}
	c := &Cluster{plan: p, engine: e, images: images, log: log}
	c.Access = cluster.NewAccess(p.Cluster.Name, "k3s-"+p.Cluster.Name, kubeconfig, c.admin)
	c.Dial = agent.Dialer(e, p.Lab)
	return c
}

// Nodes returns handles on the planned nodes, control plane first.
func (c *Cluster) Nodes() []node.Node { return cluster.Nodes(c.engine, c.plan.Cluster) }

// Create makes the cluster: datastore, first server and agents, then further servers with the first server's data in
// the datastore. Create leaves a complete cluster alone, starts stopped nodes, and replaces the remains of an
// interrupted bring-up. Nodes of a failed Create stay for inspection.
func (c *Cluster) Create(ctx context.Context, img image.Resolved) error {
	whole, err := c.resume(ctx)
	if err != nil || whole {
		return err
	}
	if instead := img.StandsInFor(); instead != "" {
		c.log(fmt.Sprintf("%s stands in for %s, which can be neither pulled nor built here", img.Ref, instead))
	}
	if err := c.timed(ctx, "datastore", c.startDatastore); err != nil {
		return err
	}
	var archives string
	err = c.timed(ctx, "image archives", func(ctx context.Context) (err error) {
		archives, err = c.saveImages(ctx)
		return err
	})
	if err != nil {
		return err
	}
	token := make([]byte, 16)
	if _, err := rand.Read(token); err != nil {
		return err
	}
	start := func(n plan.Node) error { return c.startNode(ctx, n, img.Ref, archives, hex.EncodeToString(token)) }
	nodes := c.plan.Cluster.Nodes
	if err := start(nodes[0]); err != nil {
		return err
	}
	c.There()
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.timed(gctx, "first server", c.reach) })
	for _, n := range nodes[1:] {
		if !n.ControlPlane {
			group.Go(func() error { return start(n) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, n := range nodes[1:] {
		if n.ControlPlane {
			if err := start(n); err != nil {
				return err
			}
		}
	}
	return c.timed(ctx, "nodes joined", c.joined)
}

// reach waits for the API.
func (c *Cluster) reach(ctx context.Context) error {
	_, err := c.APIReady(ctx)
	return err
}

// joined waits until the API knows every node of the plan.
func (c *Cluster) joined(ctx context.Context) error {
	kube, err := c.APIReady(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go c.watchOver(ctx, cancel)
	err = kube.WaitFor(ctx, cluster.Wait{
		What:     fmt.Sprintf("cluster %s: %d nodes to join", c.plan.Cluster.Name, len(c.plan.Cluster.Nodes)),
		Resource: nodesResource, Within: joinWithin,
		Done: func(objects []*unstructured.Unstructured) (bool, string) {
			missing := c.missing(objects)
			return missing == "", missing
		},
	})
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func (c *Cluster) missing(objects []*unstructured.Unstructured) string {
	there := map[string]bool{}
	for _, o := range objects {
		there[o.GetName()] = true
	}
	for _, n := range c.plan.Cluster.Nodes {
		if !there[n.Name] {
			return fmt.Sprintf("node %s has not joined", n.Name)
		}
	}
	return ""
}

// watchOver ends a wait when a node's container ends: the node cannot join any more.
func (c *Cluster) watchOver(ctx context.Context, end context.CancelCauseFunc) {
	_ = wait.Until(ctx, wait.For{What: "the end of a node", Every: time.Second}, func(ctx context.Context) error {
		for _, n := range c.plan.Cluster.Nodes {
			if err := c.ended(ctx, n.Name); err != nil {
				end(err)
				return nil
			}
		}
		return errors.New("all nodes run")
	})
}

// ended returns an error with the last output of a container that has ended.
func (c *Cluster) ended(ctx context.Context, name string) error {
	seen, err := c.engine.Client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil || seen.Container.State == nil || seen.Container.State.Running || seen.Container.State.Status == "created" {
		return nil //nolint:nilerr // a missing container has not ended
	}
	logs, _ := c.engine.Logs(ctx, name, 15)
	return fmt.Errorf("node %s: k3s ended with exit code %d; last output:\n%s", name, seen.Container.State.ExitCode, logs)
}

// resume inspects the present containers, and reports whether the cluster is complete. The remains of an incomplete
// cluster are removed.
func (c *Cluster) resume(ctx context.Context) (whole bool, err error) {
	var there []string
	for _, name := range c.containers() {
		_, err := c.engine.Client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
		switch {
		case err == nil:
			there = append(there, name)
		case !errdefs.IsNotFound(err):
			return false, fmt.Errorf("cluster %s: container %s: %w", c.plan.Cluster.Name, name, err)
		}
	}
	if len(there) == 0 {
		return false, nil
	}
	if len(there) == len(c.containers()) {
		if err = c.rejoin(ctx); err == nil {
			c.There()
			return true, nil
		}
		if ctx.Err() != nil {
			return false, err
		}
	}
	c.log(fmt.Sprintf("%d of %d containers are present, an incomplete cluster; all are replaced", len(there), len(c.containers())))
	for _, name := range there {
		_, err := c.engine.Client.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !errdefs.IsNotFound(err) {
			return false, fmt.Errorf("cluster %s: remains of an earlier bring-up: container %s: %w", c.plan.Cluster.Name, name, err)
		}
	}
	return false, nil
}

// containers returns the engine's names of all containers of the cluster, the datastore first.
func (c *Cluster) containers() []string {
	names := []string{c.plan.Cluster.K3s.Datastore.Container}
	for _, n := range c.plan.Cluster.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// rejoin starts stopped nodes and returns nil once the API knows all nodes.
func (c *Cluster) rejoin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cluster.ResumeWithin)
	defer cancel()
	for _, name := range c.containers() {
		if _, err := c.engine.Client.ContainerStart(ctx, name, client.ContainerStartOptions{}); err != nil {
			return fmt.Errorf("container %s: %w", name, err)
		}
	}
	kube, err := c.Find(ctx)
	if err != nil {
		return err
	}
	list, err := kube.Dynamic.Resource(nodesResource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var objects []*unstructured.Unstructured
	for i := range list.Items {
		objects = append(objects, &list.Items[i])
	}
	if missing := c.missing(objects); missing != "" {
		return errors.New(missing)
	}
	return nil
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
