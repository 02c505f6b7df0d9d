package fault

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"skidpad.dev/skidpad/lab/scenario"
)

// Cordon keeps new pods away from a cluster node.
type Cordon struct {
	Node string `json:"cordon"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Cordon) About() About {
	return About{What: "no new pods on a node", API: true, Unbounded: "pods and routes stay as they are"}
}

// Validate checks the node.
func (f *Cordon) Validate(v *scenario.Validation, path string) {
	clusterNode(v, path+".cordon", f.Node)
}

// String describes the fault.
func (f *Cordon) String() string { return words(f, "cordon "+f.Node) }

func (f *Cordon) action(s spot) action { return &cordon{s} }

// cordon keeps new pods off a node.
type cordon struct{ spot }

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
	return c.set(ctx, true)
}

// undo restores the node's old setting for new pods. Evicted pods do not move back.
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
