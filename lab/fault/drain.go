package fault

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/scenario"
)

// Drain cordons a cluster node and evicts its pods.
type Drain struct {
	Node string `json:"drain"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Drain) About() About {
	return About{What: "cordoned, and its pods evicted but those of DaemonSets", API: true}
}

// Validate checks the node.
func (f *Drain) Validate(v *scenario.Validation, path string) {
	clusterNode(v, path+".drain", f.Node)
}

// String describes the fault.
func (f *Drain) String() string { return words(f, "drain "+f.Node) }

// Bound is the bound of withdrawn endpoints.
func (*Drain) Bound(Case) *bound.Bound { return ref(bound.Endpoint{}.Withdrawn()) }

// Evicts returns the node that loses its pods.
func (f *Drain) Evicts() string { return f.Node }

func (f *Drain) action(s spot) action { return &drain{cordon{s}} }

// drain evicts the pods of a node after the cordon.
type drain struct{ cordon }

func (d *drain) apply(ctx context.Context, saved json.RawMessage) error {
	if err := d.cordon.apply(ctx, saved); err != nil {
		return err
	}
	return d.evict(ctx)
}

// evict evicts the node's pods like `kubectl drain`, except the pods of DaemonSets and the node's static pods, because these
// pods come back. evict does not wait for the end of the pods.
func (d *drain) evict(ctx context.Context) error {
	k, err := d.in.api(ctx)
	if err != nil {
		return err
	}
	pods, err := k.Client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + d.at.container})
	if err != nil {
		return fmt.Errorf("pods on %s: %w", d.at.container, err)
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
