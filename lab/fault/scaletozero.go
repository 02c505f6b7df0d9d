package fault

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"skidpad.dev/skidpad/lab/scenario"
)

// ScaleToZero takes all pods of a workload away.
type ScaleToZero struct {
	Workload string `json:"scaleToZero"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*ScaleToZero) About() About {
	return About{What: "a workload's Deployment scaled to no pods", Unbounded: "no pod answers until the fault is cleared"}
}

// Validate checks the workload.
func (f *ScaleToZero) Validate(v *scenario.Validation, path string) {
	v.Workload(path+".scaleToZero", f.Workload)
}

// String describes the fault.
func (f *ScaleToZero) String() string { return words(f, "scale "+f.Workload+" to zero") }

func (f *ScaleToZero) action(s spot) action { return &scale{s, f.Workload} }

// scale takes all pods of a workload away.
type scale struct {
	spot
	workload string
}

func (s *scale) hold() string { return "scale/" + s.workload }

type savedScale struct {
	Replicas int32 `json:"replicas"`
}

// where returns the workload's Deployment.
func (s *scale) where() (namespace, name string) {
	for _, w := range s.in.plan.Workloads {
		if w.Name == s.workload {
			return w.Namespace, w.Name
		}
	}
	return metav1.NamespaceDefault, s.workload
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

// undo asks for the old number of replicas. The caller waits for ready pods.
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
