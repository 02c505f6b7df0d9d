package signal

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/scenario"
)

// ServiceIPs names a namespace and shows each LoadBalancer Service in the namespace as NAME=ADDRESS.
type ServiceIPs string

// JudgedBy is a list.
func (ServiceIPs) JudgedBy() scenario.Judgement { return scenario.ByContent }

// SetDefaults has nothing to fill in.
func (ServiceIPs) SetDefaults(*scenario.Spec) {}

// Validate has nothing to check: any namespace may come to exist.
func (ServiceIPs) Validate(*scenario.Validation, string) {}

// Read asks the API server.
func (s ServiceIPs) Read(ctx context.Context, r *Run) (Value, error) {
	kube, err := r.Lab.Kube(ctx)
	if err != nil {
		return Value{}, err
	}
	list, err := kube.Client.CoreV1().Services(string(s)).List(ctx, metav1.ListOptions{})
	if err != nil {
		return Value{}, err
	}
	var all []string
	for i := range list.Items {
		s := &list.Items[i]
		if s.Spec.Type != "LoadBalancer" {
			continue
		}
		address := "none"
		for _, in := range s.Status.LoadBalancer.Ingress {
			address = in.IP
		}
		all = append(all, s.Name+"="+address)
	}
	return Texts(all...), nil
}
