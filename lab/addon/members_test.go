package addon

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
)

// later returns a lab with a second worker that joins later, and the API of the lab. The API lists the given nodes, a
// DaemonSet and a Deployment. The DaemonSet runs on runsOn nodes.
func later(runsOn int64, nodes ...string) (*plan.Plan, *cluster.Kube) {
	p, _ := planned()
	p.Cluster.Nodes[2].Later = true
	var listed []runtime.Object
	for _, n := range nodes {
		listed = append(listed, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "skidpad-l-" + n}})
	}
	object := func(kind, namespace, name string, status map[string]any) runtime.Object {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apps/v1", "kind": kind, "metadata": map[string]any{"name": name, "namespace": namespace, "generation": int64(1)}, "status": status,
		}}
	}
	return p, &cluster.Kube{
		Client: fake.NewClientset(listed...),
		Dynamic: dynamicfake.NewSimpleDynamicClient(scheme.Scheme,
			object("DaemonSet", kubeSystem, "cilium", map[string]any{
				"observedGeneration": int64(1), "desiredNumberScheduled": runsOn, "numberReady": runsOn, "updatedNumberScheduled": runsOn,
			}),
			object("Deployment", kubeSystem, "cilium-operator", map[string]any{
				"observedGeneration": int64(1), "availableReplicas": int64(1), "updatedReplicas": int64(1),
			})),
	}
}

const kubeSystem = "kube-system"

// TestReadyOnMembers checks that addons wait for the nodes in the cluster. Nodes for later count only after the join.
func TestReadyOnMembers(t *testing.T) {
	for _, c := range []struct {
		name   string
		runsOn int64
		nodes  []string
		wait   string // the text of the unfinished wait; "" if the wait ends
	}{
		{"one is to join later", 2, []string{"control-plane", "worker"}, ""},
		{"it has joined", 3, []string{"control-plane", "worker", "worker2"}, ""},
		{"it has joined and runs nothing yet", 2, []string{"control-plane", "worker", "worker2"}, "ready on 3 nodes"},
		{"one of the bring-up has not joined", 1, []string{"control-plane"}, "ready on 2 nodes"},
		{"a stranger joined", 2, []string{"control-plane", "worker", "stranger"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := later(c.runsOn, c.nodes...)
			for _, ready := range [][]plan.Ready{
				{{Kind: "DaemonSet", Namespace: kubeSystem, Name: "cilium"}},
				{{Kind: "DaemonSet", Namespace: kubeSystem, Name: "cilium"}, {Kind: "Deployment", Namespace: kubeSystem, Name: "cilium-operator"}},
			} {
				a := &Planned{cluster: p.Cluster, plan: plan.Addon{Name: "cilium"}, ready: ready}
				_, k := later(c.runsOn, c.nodes...)
				within := 20 * time.Second
				if c.wait != "" {
					within = 300 * time.Millisecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), within)
				err := a.Ready(ctx, k)
				cancel()
				switch {
				case c.wait == "" && err != nil:
					t.Errorf("%v: seen %v, wanted ready", ready, err)
				case c.wait != "" && (err == nil || !strings.Contains(err.Error(), c.wait)):
					t.Errorf("%v: seen error %v, wanted a wait for %q", ready, err, c.wait)
				}
			}
		})
	}
}

// TestSpreadOnMembers checks that replicas are spread only over the workers of the bring-up. Otherwise the second replica
// waits for a node that does not join.
func TestSpreadOnMembers(t *testing.T) {
	p, images := planned()
	p.Cluster.Nodes[2].Later = true
	w, err := NewWorkload(p, plan.Workload{Name: "echo", Replicas: 2, Image: plan.Image{Name: "echo"}}, images)
	if err != nil {
		t.Fatal(err)
	}
	if got := *w.spread(nil)[0].MinDomains; got != 1 {
		t.Errorf("2 replicas, one of two workers joins later: seen %d domains, wanted 1", got)
	}
}
