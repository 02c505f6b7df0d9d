package kind

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
)

// readyWithin bounds the wait for a joined node to be Ready: the CNI's agent has to start there.
const readyWithin = 3 * time.Minute

// renew uploads the certificates for joining control planes (the Secret expires after two hours), and makes a new
// bootstrap token (tokens expire after a day).
const renew = "kubeadm init phase upload-certs --upload-certs --skip-certificate-key-print --config " + kubeadmConf +
	" && kubeadm init phase bootstrap-token --config " + kubeadmConf + " --skip-token-print"

var nodeObjects = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}

// Join makes a planned node join the running cluster by kubeadm, and returns when the node is Ready. A member of the
// cluster is left alone.
func (c *Cluster) Join(ctx context.Context, short string, img image.Resolved) error {
	n, kube, err := c.later(ctx, short)
	if err != nil {
		return err
	}
	_, err = kube.Client.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		err = c.joinNow(ctx, n, img, kube)
	}
	if err != nil {
		return fmt.Errorf("node %s: %w", short, err)
	}
	return c.timed(ctx, short+" Ready", func(ctx context.Context) error {
		return kube.WaitFor(ctx, cluster.Wait{
			What: "node " + short + ": Ready", Resource: nodeObjects, Fields: "metadata.name=" + n.Name, Within: readyWithin, Done: nodeReady,
			Explain: func(ctx context.Context) string { return kube.ExplainPods(ctx, metav1.NamespaceSystem, "") },
		})
	})
}

func (c *Cluster) joinNow(ctx context.Context, n plan.Node, img image.Resolved, kube *cluster.Kube) error {
	if _, err := c.alive(ctx, "sh", "-c", renew); err != nil {
		return err
	}
	discovery, err := c.joinable(ctx, kube)
	if err != nil {
		return err
	}
	return c.join(ctx, n, img, discovery)
}

// nodeReady judges the awaited node.
func nodeReady(objects []*unstructured.Unstructured) (bool, string) {
	if len(objects) == 0 {
		return false, "the node is not there"
	}
	conditions, _, _ := unstructured.NestedSlice(objects[0].Object, "status", "conditions")
	for _, raw := range conditions {
		condition, _ := raw.(map[string]any)
		if condition["type"] == "Ready" {
			return condition["status"] == "True", fmt.Sprint(condition["message"])
		}
	}
	return false, "the node has no Ready condition"
}

// Leave removes a node from the cluster: its member of etcd, its object, and kubeadm's files on the node. The node can
// join again.
func (c *Cluster) Leave(ctx context.Context, short string) error {
	n, kube, err := c.later(ctx, short)
	if err != nil {
		return err
	}
	return c.timed(ctx, "kubeadm reset "+n.Name, func(ctx context.Context) error {
		out, err := c.handle(n).Exec(ctx, "kubeadm", "reset", "--force", "--cri-socket", "unix:///run/containerd/containerd.sock")
		if err != nil {
			return failure("kubeadm reset", out, err)
		}
		err = kube.Client.CoreV1().Nodes().Delete(ctx, n.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("node %s: %w", short, err)
		}
		return nil
	})
}

// later finds a node that may join and leave, and the running cluster's API.
func (c *Cluster) later(ctx context.Context, short string) (plan.Node, *cluster.Kube, error) {
	nodes := c.plan.Cluster.Nodes
	at := slices.IndexFunc(nodes, func(n plan.Node) bool { return n.Short == short || n.Name == short })
	switch {
	case at < 0:
		return plan.Node{}, nil, fmt.Errorf("cluster %s has no node %q; see `skidpad status`", c.plan.Cluster.Name, short)
	case !nodes[at].Later:
		return plan.Node{}, nil, fmt.Errorf("node %s joined at the bring-up and stays; a node that may join and leave is named in the scenario's cluster.joinLater", short)
	}
	kube, err := c.Open(ctx)
	return nodes[at], kube, err
}
