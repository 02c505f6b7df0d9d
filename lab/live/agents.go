package live

import (
	"context"
	"slices"
	"time"

	"github.com/moby/moby/client"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/cluster"
)

// agents looks at the pods on each node. Pods of DaemonSets must be ready. Kubernetes reports a dead node only after
// 40 s. If a node was dead for less time, the API still reports the old state of the node's pods. A pod therefore counts
// only if the pod's containers were started after the node.
func (x *examination) agents(ctx context.Context, kube *cluster.Kube) {
	pods, err := kube.Client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		x.problem("cluster: pods: %v", err)
		return
	}
	started := x.nodesStarted(ctx)
	for i := range pods.Items {
		p := &pods.Items[i]
		since, ours := started[p.Spec.NodeName]
		if !ours || p.DeletionTimestamp != nil {
			continue
		}
		if ofDaemonSet(p) && !cluster.PodReady(p) {
			x.problem("pod %s/%s on %s: not ready: %s", p.Namespace, p.Name, p.Spec.NodeName, cluster.Explain(p))
		} else if c := cluster.Stale(p, since); c != "" {
			x.problem("pod %s/%s on %s: container %s has not run since its node was started", p.Namespace, p.Name, p.Spec.NodeName, c)
		}
	}
}

func ofDaemonSet(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Kind == "DaemonSet" })
}

// nodesStarted returns the start time of each running node.
func (x *examination) nodesStarted(ctx context.Context) map[string]time.Time {
	all := map[string]time.Time{}
	for _, n := range x.Plan.Cluster.Nodes {
		have, err := x.engine.Client.ContainerInspect(ctx, n.Name, client.ContainerInspectOptions{})
		if err != nil || have.Container.State == nil || !have.Container.State.Running {
			continue // already reported
		}
		if at, err := time.Parse(time.RFC3339Nano, have.Container.State.StartedAt); err == nil {
			all[n.Name] = at
		}
	}
	return all
}
