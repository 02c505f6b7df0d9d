package cluster

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestTakePods(t *testing.T) {
	node := func(name string, keys ...string) *unstructured.Unstructured {
		var taints []any
		for _, k := range keys {
			taints = append(taints, map[string]any{"key": k, "effect": "NoSchedule"})
		}
		return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": name}, "spec": map[string]any{"taints": taints}}}
	}
	for name, tt := range map[string]struct {
		nodes []*unstructured.Unstructured
		want  bool
		seen  string
	}{
		"none is there":                  {nil, false, "no node"},
		"no taint":                       {[]*unstructured.Unstructured{node("a"), {Object: map[string]any{}}}, true, ""},
		"a control plane's, and drained": {[]*unstructured.Unstructured{node("a", "node-role.kubernetes.io/control-plane", "node.kubernetes.io/unschedulable")}, true, ""},
		"one still waits": {[]*unstructured.Unstructured{node("a"), node("b", "node-role.kubernetes.io/control-plane", "node.cilium.io/agent-not-ready")},
			false, "b has taint node.cilium.io/agent-not-ready"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, seen := takePods(tt.nodes); got != tt.want || seen != tt.seen {
				t.Errorf("%t, %q; wanted %t, %q", got, seen, tt.want, tt.seen)
			}
		})
	}
}
