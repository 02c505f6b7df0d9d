package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	// leaseLasts is the time after which a call that renews no lease counts as dead.
	leaseLasts = 30 * time.Second
	// preflightWithin is the time for a node to fetch the image, start an engine and unpack the images of labs.
	preflightWithin = 8 * time.Minute
	// placeWithin is the time for the scheduler to place a preflight on its node.
	placeWithin = 20 * time.Second

	// labelEnforce permits privileged pods in a namespace (Pod Security Admission).
	labelEnforce = "pod-security.kubernetes.io/enforce"
)

// namespace makes the run's namespace, unless it is there.
func (r *run) namespace(ctx context.Context) (made bool, err error) {
	_, err = r.Client.CoreV1().Namespaces().Get(ctx, r.Namespace, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return false, err
	}
	_, err = r.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.Namespace, Labels: map[string]string{labelEnforce: "privileged"}}}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("namespace %s: %w; or make the namespace, with the label %s=privileged", r.Namespace, err, labelEnforce)
	}
	return true, nil
}

// removeNamespace removes the namespace, unless another run is in it.
func (r *run) removeNamespace(ctx context.Context) error {
	others, err := r.Client.CoordinationV1().Leases(r.Namespace).List(ctx, metav1.ListOptions{LabelSelector: LabelRun})
	if err != nil || len(others.Items) > 0 {
		return err
	}
	return gone(r.Client.CoreV1().Namespaces().Delete(ctx, r.Namespace, metav1.DeleteOptions{}))
}

// hold takes the lease of the run's name, so two calls never drive one run, and renews the lease until release is called.
func (r *run) hold(ctx context.Context) (release func(context.Context) error, err error) {
	leases := r.Client.CoordinationV1().Leases(r.Namespace)
	seconds := int32(leaseLasts / time.Second)
	now := metav1.NowMicro()
	l := &coordinationv1.Lease{ObjectMeta: r.meta(r.object(), "lease"), Spec: coordinationv1.LeaseSpec{HolderIdentity: &r.identity, LeaseDurationSeconds: &seconds, RenewTime: &now, AcquireTime: &now}}
	held, err := leases.Create(ctx, l, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		if held, err = leases.Get(ctx, l.Name, metav1.GetOptions{}); err != nil {
			return nil, err
		}
		if t := held.Spec.RenewTime; t != nil && time.Since(t.Time) < leaseLasts && held.Spec.HolderIdentity != nil {
			return nil, &BusyError{r.Name, *held.Spec.HolderIdentity}
		}
		held.Spec = l.Spec
		held, err = leases.Update(ctx, held, metav1.UpdateOptions{}) // a conflict means that another call was faster
	}
	if err != nil {
		return nil, fmt.Errorf("run %s: lease: %w", r.Name, err)
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan struct{})
	go func() {
		defer close(over)
		for wait.Sleep(renewing, leaseLasts/3) == nil {
			now := metav1.NowMicro()
			held.Spec.RenewTime = &now
			if renewed, err := leases.Update(renewing, held, metav1.UpdateOptions{}); err == nil {
				held = renewed
			}
		}
	}()
	return func(ctx context.Context) error {
		stop()
		<-over
		return gone(leases.Delete(ctx, l.Name, metav1.DeleteOptions{}))
	}, nil
}

// BusyError means that another call drives the run of this name.
type BusyError struct{ Name, Holder string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("run %s is driven by another call (%s); end that call, wait %s after its death, or choose another --name", e.Name, e.Holder, leaseLasts)
}

func gone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// remove removes the run's objects except for the lease, and waits until all pods have ended.
func (r *run) remove(ctx context.Context) error {
	foreground := metav1.DeletePropagationBackground
	err := gone(r.Client.BatchV1().Jobs(r.Namespace).Delete(ctx, r.object(), metav1.DeleteOptions{PropagationPolicy: &foreground}))
	err = errors.Join(err, gone(r.Client.CoreV1().ConfigMaps(r.Namespace).Delete(ctx, r.object(), metav1.DeleteOptions{})))
	if err != nil {
		return fmt.Errorf("run %s: %w", r.Name, err)
	}
	asked := map[string]bool{}
	return wait.Until(ctx, wait.For{What: "removal of the pods of run " + r.Name, Every: r.every}, func(ctx context.Context) error {
		list, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{LabelSelector: LabelRun + "=" + r.Name})
		if err != nil {
			return err
		}
		for _, p := range list.Items {
			if !asked[p.Name] {
				if err := gone(r.Client.CoreV1().Pods(r.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{})); err != nil {
					return err
				}
				asked[p.Name] = true
			}
			err = fmt.Errorf("pod %s is %s", p.Name, p.Status.Phase)
		}
		return err
	})
}

// preflights tries each node that takes ordinary pods, and keeps the suitable nodes for the Job.
func (r *run) preflights(ctx context.Context) error {
	nodes, err := r.delivered(ctx)
	if err != nil {
		return err
	}
	results, err := r.onEach(ctx, nodes, "skidpad", "run", "--preflight")
	if err != nil {
		return err
	}
	for _, n := range nodes {
		why := results[n.Name]
		if why == "" {
			r.Nodes = append(r.Nodes, n.Name)
			why = "can run shards"
		}
		r.say("node %s: %s", n.Name, why)
	}
	if len(r.Nodes) == 0 {
		return fmt.Errorf("none of %d nodes can run a shard", len(nodes))
	}
	return nil
}

// delivered returns the open nodes, which then have the runner image or get the image from a registry.
func (r *run) delivered(ctx context.Context) ([]corev1.Node, error) {
	nodes, err := r.openNodes(ctx)
	if err == nil && r.Deliver != nil {
		err = r.Deliver(ctx, nodes)
	}
	return nodes, err
}

// openNodes returns the nodes that are ready and repel no pod.
func (r *run) openNodes(ctx context.Context) ([]corev1.Node, error) {
	list, err := r.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	var all []corev1.Node
	for _, n := range list.Items {
		why := ""
		if n.Spec.Unschedulable {
			why = "is cordoned"
		}
		for _, t := range n.Spec.Taints {
			if t.Effect != corev1.TaintEffectPreferNoSchedule {
				why = "has the taint " + t.ToString()
			}
		}
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
				why = "is not ready: " + c.Message
			}
		}
		if why == "" {
			all = append(all, n)
		} else {
			r.say("node %s: left out, it %s", n.Name, why)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("seen %d nodes, want one that is ready and without a taint", len(list.Items))
	}
	return all, nil
}

// onEach runs a command in a pod on each node and returns the reasons of failures, by node.
func (r *run) onEach(ctx context.Context, nodes []corev1.Node, command ...string) (map[string]string, error) {
	at := map[string]string{} // node, by pod
	for i, n := range nodes {
		p := r.preflight(n.Name, fmt.Sprintf("%s-%d", r.object()+"-node", i), command...)
		if _, err := r.Client.CoreV1().Pods(r.Namespace).Create(ctx, p, metav1.CreateOptions{}); err != nil {
			return nil, fmt.Errorf("a privileged pod in namespace %s: %w; want a namespace that permits privileged pods (label %s=privileged)", r.Namespace, err, labelEnforce)
		}
		at[p.Name] = n.Name
	}
	began := time.Now()
	results := map[string]string{}
	err := wait.Until(ctx, wait.For{What: "preflight of the nodes", Within: preflightWithin, Every: r.every, Each: 30 * time.Second}, func(ctx context.Context) error {
		list, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{LabelSelector: LabelRun + "=" + r.Name + "," + labelPart + "=" + partPreflight})
		if err != nil {
			return err
		}
		for i := range list.Items {
			p := &list.Items[i]
			if _, ok := results[at[p.Name]]; ok || at[p.Name] == "" {
				continue
			}
			if why, over := r.outcome(ctx, p, time.Since(began)); over {
				results[at[p.Name]] = why
			}
		}
		for _, n := range at {
			if _, ok := results[n]; !ok {
				err = fmt.Errorf("node %s has not answered", n)
			}
		}
		return err
	})
	return results, err
}

// outcome returns why a node is not suitable; empty if the node is.
func (r *run) outcome(ctx context.Context, p *corev1.Pod, since time.Duration) (why string, over bool) {
	switch {
	case p.Status.Phase == corev1.PodSucceeded:
		return "", true
	case p.Status.Phase == corev1.PodFailed:
		return "cannot run shards: " + r.lastOf(ctx, p), true
	case unplaced(p) != "" && since > placeWithin:
		return "has no room: " + unplaced(p), true
	case strings.Contains(cluster.Explain(p), "ImagePullBackOff"), strings.Contains(cluster.Explain(p), "ErrImageNeverPull"):
		return "cannot get the runner image: " + cluster.Explain(p), true
	}
	return "", false
}

// lastOf returns the last lines of a pod's log, or the API's reason for the pod's end.
func (r *run) lastOf(ctx context.Context, p *corev1.Pod) string {
	log, err := r.pods.logs(ctx, p.Namespace, p.Name)
	if err != nil {
		return cluster.Explain(p)
	}
	defer func() { _ = log.Close() }()
	var text bytes.Buffer
	if _, err := io.Copy(&text, log); err != nil || text.Len() == 0 {
		return cluster.Explain(p)
	}
	return lastLines(text.String(), 4)
}

// CleanNodes removes the caches of the nodes. The pods need less room than a shard.
func CleanNodes(ctx context.Context, o Options) (err error) {
	o.CPU, o.Memory = resource.MustParse("100m"), resource.MustParse("256Mi")
	r := &run{Options: o.fill(), identity: "clean"}
	made, err := r.namespace(ctx)
	if err != nil {
		return err
	}
	release, err := r.hold(ctx)
	if err != nil {
		return err
	}
	defer func() {
		back, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
		defer cancel()
		err = errors.Join(err, r.remove(back), release(back))
		if made {
			err = errors.Join(err, r.removeNamespace(back))
		}
	}()
	nodes, err := r.delivered(ctx)
	if err != nil {
		return err
	}
	results, err := r.onEach(ctx, nodes, "skidpad", "run", "--clean-node")
	for node, why := range results {
		if why != "" {
			err = errors.Join(err, fmt.Errorf("node %s: %s", node, why))
		}
	}
	return err
}
