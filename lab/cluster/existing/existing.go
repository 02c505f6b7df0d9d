// Package existing attaches a lab to a cluster that runs before the lab, and stays after the lab. The lab adds routes to
// the nodes, the images of its workloads, and the prober; Leave takes everything away again.
package existing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	// answerWithin bounds a running API's answer.
	answerWithin = time.Minute
	// goneWithin bounds the removal of the lab's workloads.
	goneWithin = time.Minute
	// selector selects the objects of labs; see addon.Workload.
	selector = "dev.skidpad.lab"
)

// Cluster is a cluster that runs without the lab.
type Cluster struct {
	plan       *plan.Plan
	engine     *docker.Engine
	images     map[string]image.Resolved
	kubeconfig string
}

var _ cluster.Provider = (*Cluster)(nil)

// New describes the cluster of a plan, without any I/O. The kubeconfig file is written to the given path.
func New(e *docker.Engine, p *plan.Plan, images map[string]image.Resolved, kubeconfig string) *Cluster {
	return &Cluster{plan: p, engine: e, images: images, kubeconfig: kubeconfig}
}

// Nodes returns handles on the nodes, control plane first.
func (c *Cluster) Nodes() []node.Node { return cluster.Nodes(c.engine, c.plan.Cluster) }

// APIReady returns clients of the running API.
func (c *Cluster) APIReady(ctx context.Context) (*cluster.Kube, error) { return c.Open(ctx) }

// Open returns clients of the running API, and writes the kubeconfig file.
func (c *Cluster) Open(ctx context.Context) (*cluster.Kube, error) {
	of := c.plan.Scenario.Spec.Cluster
	raw, err := kubeconfig(ctx, c.engine, of, false)
	if errors.Is(err, fs.ErrNotExist) { // elsewhere, such as in the agent: the lab has a copy
		if own, missing := os.ReadFile(c.kubeconfig); missing == nil {
			raw, err = own, nil
		}
	}
	if err != nil {
		return nil, err
	}
	kube, err := connect(ctx, of, raw)
	if err != nil {
		return nil, err
	}
	return kube, cluster.WritePrivate(c.kubeconfig, raw)
}

// Create puts the workloads' images into the nodes and sets the nodes' routes. A second Create changes nothing.
func (c *Cluster) Create(ctx context.Context, _ image.Resolved) error {
	refs := c.refs()
	var archive []byte
	if len(refs) > 0 {
		var err error
		if archive, err = c.archive(ctx, refs); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range c.plan.Cluster.Nodes {
		if n.Remote {
			continue
		}
		group.Go(func() error {
			h := c.engine.Node(n.Short, node.KindCluster, n.Name)
			if commands := c.plan.Cluster.RouteCommands(); len(commands) > 0 {
				if _, err := h.Exec(ctx, "sh", "-ec", strings.Join(commands, "\n")); err != nil {
					return fmt.Errorf("node %s: routes: %w", n.Name, err)
				}
			}
			if archive == nil || !slices.ContainsFunc(refs, func(ref string) bool { return !slices.Contains(c.had(n.Name), ref) }) {
				return nil
			}
			if _, err := h.ExecInput(ctx, archive, "ctr", "--namespace=k8s.io", "images", "import", "-"); err != nil {
				return fmt.Errorf("node %s: images of the workloads: %w", n.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// refs returns the engine's names of the workloads' images.
func (c *Cluster) refs() []string {
	var all []string
	for _, w := range c.plan.Workloads {
		if ref := c.images[w.Image.Key()].Ref; ref != "" && !slices.Contains(all, ref) {
			all = append(all, ref)
		}
	}
	return all
}

// had returns the images that a node has had before the lab.
func (c *Cluster) had(name string) []string {
	for _, n := range c.plan.Found.Nodes {
		if n.Name == name {
			return n.Images
		}
	}
	return nil
}

func (c *Cluster) archive(ctx context.Context, refs []string) ([]byte, error) {
	r, err := c.engine.Client.ImageSave(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("images of the workloads: %w", err)
	}
	defer func() { _ = r.Close() }()
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, r); err != nil {
		return nil, fmt.Errorf("images of the workloads: %w", err)
	}
	return buf.Bytes(), nil
}

// Leave takes everything of the lab out of the cluster: workloads, routes, images and the given files. Nodes without a
// container are gone, and nothing of the lab is in them. A second Leave changes nothing.
func (c *Cluster) Leave(ctx context.Context, files ...string) error {
	nodes, err := c.present(ctx)
	if err != nil {
		return err
	}
	errs := []error{c.removeObjects(ctx)}
	for _, n := range nodes {
		errs = append(errs, c.clean(ctx, n, files))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cluster %s is not yet as it was: %w", c.plan.Cluster.Name, err)
	}
	return nil
}

// present returns the nodes whose containers exist.
func (c *Cluster) present(ctx context.Context) ([]plan.Node, error) {
	var all []plan.Node
	for _, n := range c.plan.Cluster.Nodes {
		if n.Remote {
			continue
		}
		_, err := c.engine.Client.ContainerInspect(ctx, n.Name, client.ContainerInspectOptions{})
		switch {
		case err == nil:
			all = append(all, n)
		case !errdefs.IsNotFound(err):
			return nil, fmt.Errorf("node %s: %w", n.Name, err)
		}
	}
	return all, nil
}

// removeObjects deletes the objects with the lab's label, and waits until the objects and their pods are gone.
func (c *Cluster) removeObjects(ctx context.Context) error {
	if len(c.plan.Workloads) == 0 {
		return nil
	}
	kube, err := c.Open(ctx)
	if err != nil {
		return err
	}
	with := metav1.ListOptions{LabelSelector: selector + "=" + c.plan.Lab}
	whole := metav1.DeletePropagationForeground
	for _, w := range c.plan.Workloads {
		deployments, err := kube.Client.AppsV1().Deployments(w.Namespace).List(ctx, with)
		if err != nil {
			return fmt.Errorf("workload %s: %w", w.Name, err)
		}
		for _, d := range deployments.Items {
			if err := kube.Client.AppsV1().Deployments(d.Namespace).Delete(ctx, d.Name, metav1.DeleteOptions{PropagationPolicy: &whole}); err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("deployment %s/%s: %w", d.Namespace, d.Name, err)
			}
		}
		services, err := kube.Client.CoreV1().Services(w.Namespace).List(ctx, with)
		if err != nil {
			return fmt.Errorf("workload %s: %w", w.Name, err)
		}
		for _, s := range services.Items {
			if err := kube.Client.CoreV1().Services(s.Namespace).Delete(ctx, s.Name, metav1.DeleteOptions{PropagationPolicy: &whole}); err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("service %s/%s: %w", s.Namespace, s.Name, err)
			}
		}
	}
	return wait.Until(ctx, wait.For{What: "the lab's objects are gone", Within: goneWithin, Every: 200 * time.Millisecond}, func(ctx context.Context) error {
		for _, w := range c.plan.Workloads {
			d, err := kube.Client.AppsV1().Deployments(w.Namespace).List(ctx, with)
			if err != nil {
				return err
			}
			s, err := kube.Client.CoreV1().Services(w.Namespace).List(ctx, with)
			if err != nil {
				return err
			}
			p, err := kube.Client.CoreV1().Pods(w.Namespace).List(ctx, with)
			if err != nil {
				return err
			}
			if n := len(d.Items) + len(s.Items) + len(p.Items); n > 0 {
				return fmt.Errorf("%d objects with label %s are left in namespace %s", n, with.LabelSelector, w.Namespace)
			}
		}
		return nil
	})
}

// clean removes the lab's routes, images and files from a node.
func (c *Cluster) clean(ctx context.Context, n plan.Node, files []string) error {
	script := []string{}
	for _, family := range []string{"-4", "-6"} {
		script = append(script, fmt.Sprintf("ip %s route flush proto %d", family, plan.RouteProtocol))
	}
	for _, f := range files {
		script = append(script, "rm -f "+f)
	}
	for _, ref := range c.refs() {
		if !slices.Contains(c.had(n.Name), ref) {
			script = append(script, fmt.Sprintf("if crictl inspecti -q %[1]s >/dev/null 2>&1; then crictl rmi %[1]s; fi", ref))
		}
	}
	if _, err := c.engine.Node(n.Short, node.KindCluster, n.Name).Exec(ctx, "sh", "-ec", strings.Join(script, "\n")); err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	return nil
}
