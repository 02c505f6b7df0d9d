package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"skidpad.dev/skidpad/lab/cluster"
)

// api opens the cluster's API.
func (in *Injector) api(ctx context.Context) (*cluster.Kube, error) {
	if in.kube == nil {
		return nil, errors.New("lab bug: this fault needs the cluster's API, and the injector was made without it")
	}
	return in.kube(ctx)
}

// cordon keeps new pods off a node and, for a drain, evicts those that are there.
type cordon struct {
	in *Injector
	at place
	f  Fault
}

func (c *cordon) hold() string { return "cordon/" + c.at.container }

type savedNode struct {
	Unschedulable bool `json:"unschedulable"`
}

func (c *cordon) look(ctx context.Context) (json.RawMessage, error) {
	k, err := c.in.api(ctx)
	if err != nil {
		return nil, err
	}
	n, err := k.Client.CoreV1().Nodes().Get(ctx, c.at.container, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", c.at.container, err)
	}
	return encode(savedNode{n.Spec.Unschedulable})
}

func (c *cordon) apply(ctx context.Context, _ json.RawMessage) error {
	if err := c.set(ctx, true); err != nil || c.f.Kind != KindDrain {
		return err
	}
	return c.evict(ctx)
}

// undo puts back whether the node takes pods. Those that went stay where they are.
func (c *cordon) undo(ctx context.Context, raw json.RawMessage) error {
	var saved savedNode
	if err := decode(raw, &saved); err != nil {
		return err
	}
	return c.set(ctx, saved.Unschedulable)
}

func (c *cordon) set(ctx context.Context, unschedulable bool) error {
	k, err := c.in.api(ctx)
	if err != nil {
		return err
	}
	patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, unschedulable)
	if _, err := k.Client.CoreV1().Nodes().Patch(ctx, c.at.container, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("node %s: %w", c.at.container, err)
	}
	return nil
}

// evict evicts the node's pods as `kubectl drain` does, but for those that would come back to it: DaemonSets' and
// the node's own static ones. It returns when all are told to go.
func (c *cordon) evict(ctx context.Context) error {
	k, err := c.in.api(ctx)
	if err != nil {
		return err
	}
	pods, err := k.Client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + c.at.container})
	if err != nil {
		return fmt.Errorf("pods on %s: %w", c.at.container, err)
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		if staysWith(p) {
			continue
		}
		err := k.Client.CoreV1().Pods(p.Namespace).EvictV1(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("pod %s/%s: evicting it: %w", p.Namespace, p.Name, err)
		}
	}
	return nil
}

func staysWith(p *corev1.Pod) bool {
	if _, static := p.Annotations[corev1.MirrorPodAnnotationKey]; static {
		return true
	}
	owner := metav1.GetControllerOf(p)
	return owner != nil && owner.Kind == "DaemonSet" || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// leaseGone deletes a Lease. Who held it, or wants it, makes it again.
type leaseGone struct {
	nothingToSave
	in *Injector
	f  Fault
}

func (l *leaseGone) hold() string { return "lease/" + l.f.Node }

func (l *leaseGone) apply(ctx context.Context, _ json.RawMessage) error {
	k, err := l.in.api(ctx)
	if err != nil {
		return err
	}
	namespace, name, ok := strings.Cut(l.f.Node, "/")
	if !ok {
		namespace, name = metav1.NamespaceSystem, l.f.Node
	}
	err = k.Client.CoordinationV1().Leases(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no Lease %s in namespace %s%s", name, namespace, l.known(ctx, k, namespace))
	}
	if err != nil {
		return fmt.Errorf("lease %s/%s: %w", namespace, name, err)
	}
	return nil
}

// known lists the namespace's leases for an error.
func (l *leaseGone) known(ctx context.Context, k *cluster.Kube, namespace string) string {
	list, err := k.Client.CoordinationV1().Leases(namespace).List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) == 0 {
		return ""
	}
	var names []string
	for _, x := range list.Items {
		names = append(names, x.Name)
	}
	return "; there are: " + strings.Join(names, ", ")
}

func (l *leaseGone) undo(context.Context, json.RawMessage) error { return nil }

// scale takes all pods of a workload away.
type scale struct {
	in *Injector
	f  Fault
}

func (s *scale) hold() string { return "scale/" + s.f.Node }

type savedScale struct {
	Replicas int32 `json:"replicas"`
}

// where is the workload's Deployment.
func (s *scale) where() (namespace, name string) {
	for _, w := range s.in.plan.Workloads {
		if w.Name == s.f.Node {
			return w.Namespace, w.Name
		}
	}
	return metav1.NamespaceDefault, s.f.Node
}

func (s *scale) look(ctx context.Context) (json.RawMessage, error) {
	k, err := s.in.api(ctx)
	if err != nil {
		return nil, err
	}
	namespace, name := s.where()
	have, err := k.Client.AppsV1().Deployments(namespace).GetScale(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("workload %s/%s: its Deployment: %w", namespace, name, err)
	}
	return encode(savedScale{have.Spec.Replicas})
}

func (s *scale) apply(ctx context.Context, _ json.RawMessage) error { return s.set(ctx, 0) }

// undo asks for the replicas that there were; that their pods are ready is for the caller to wait for.
func (s *scale) undo(ctx context.Context, raw json.RawMessage) error {
	var saved savedScale
	if err := decode(raw, &saved); err != nil {
		return err
	}
	return s.set(ctx, saved.Replicas)
}

func (s *scale) set(ctx context.Context, replicas int32) error {
	k, err := s.in.api(ctx)
	if err != nil {
		return err
	}
	namespace, name := s.where()
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	if _, err := k.Client.AppsV1().Deployments(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("workload %s/%s: its Deployment: %w", namespace, name, err)
	}
	return nil
}
