package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/scenario"
)

// DeleteLease deletes a Lease: NAMESPACE/NAME, or a name in kube-system.
type DeleteLease struct {
	Lease string `json:"deleteLease"`
	noDefaults
}

// About describes the fault.
func (*DeleteLease) About() About {
	return About{What: "a Lease deleted: NAMESPACE/NAME, or a name in kube-system", Unbounded: "the holder answers until another node holds the Lease"}
}

// Validate checks that the lab has a cluster.
func (f *DeleteLease) Validate(v *scenario.Validation, path string) {
	if v.Spec().Cluster == nil {
		v.Add(path+".deleteLease", "seen a fault of a lease, want a spec.cluster that has leases")
	}
}

// String describes the fault.
func (f *DeleteLease) String() string { return words(f, "delete lease "+f.Lease) }

func (f *DeleteLease) action(s spot) action { return &leaseGone{spot: s, lease: f.Lease} }

// leaseGone deletes a Lease. The holder, or another candidate, makes the Lease again.
type leaseGone struct {
	nothingToSave
	spot
	lease string // NAMESPACE/NAME, or a name in kube-system
}

func (l *leaseGone) hold() string { return "lease/" + l.lease }

func (l *leaseGone) apply(ctx context.Context, _ json.RawMessage) error {
	k, err := l.in.api(ctx)
	if err != nil {
		return err
	}
	namespace, name, ok := strings.Cut(l.lease, "/")
	if !ok {
		namespace, name = metav1.NamespaceSystem, l.lease
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
