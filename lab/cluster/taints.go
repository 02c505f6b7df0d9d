package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// PassingTaints are the taints of a node that is not ready yet: Kubernetes' own, and the taint of Cilium's
// operator. The operator removes the taint a moment after the node's agent is ready
// (https://docs.cilium.io/en/v1.19/installation/taints/).
var PassingTaints = []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/network-unavailable", "node.cilium.io/agent-not-ready"}

// passingWithin limits the wait for the taints of a cluster whose agents are already ready.
const passingWithin = time.Minute

// TakesPods waits until no node has any of PassingTaints. Wait for the agents before TakesPods: before the
// agents are ready, a node may lack a taint for a moment.
func (k *Kube) TakesPods(ctx context.Context) error {
	return k.WaitFor(ctx, Wait{
		What:     "nodes: take pods, and have none of the taints of nodes that are still to come",
		Resource: schema.GroupVersionResource{Version: "v1", Resource: "nodes"}, Within: passingWithin,
		Done: takePods,
	})
}

func takePods(nodes []*unstructured.Unstructured) (bool, string) {
	var seen []string
	for _, n := range nodes {
		taints, _, _ := unstructured.NestedSlice(n.Object, "spec", "taints")
		for _, t := range taints {
			if taint, ok := t.(map[string]any); ok && slices.Contains(PassingTaints, fmt.Sprint(taint["key"])) {
				seen = append(seen, fmt.Sprintf("%s has taint %s", n.GetName(), taint["key"]))
			}
		}
	}
	if len(nodes) == 0 {
		return false, "no node"
	}
	return len(seen) == 0, strings.Join(seen, "; ")
}
