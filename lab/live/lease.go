package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/wait"
)

// leaseWithin bounds the wait for a new holder after a Lease was released: many times the default retry period.
const leaseWithin = 60 * time.Second

// LeaseHolder returns the scenario's name of the node that announces a workload's addresses by ARP. No holder is an
// error.
func (l *Lab) LeaseHolder(ctx context.Context, workload string) (string, error) {
	kube, at, err := l.lease(ctx, workload)
	if err != nil {
		return "", err
	}
	lease, err := kube.Client.CoordinationV1().Leases(at.Namespace).Get(ctx, at.Name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("lab %s: lease %s: %w", l.Plan.Lab, at.Name, err)
	}
	if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
		return "", fmt.Errorf("lab %s: lease %s: nobody holds it", l.Plan.Lab, at.Name)
	}
	return l.shortName(*lease.Spec.HolderIdentity), nil
}

// ReleaseLease deletes the Lease, and waits until a node holds a new Lease.
func (l *Lab) ReleaseLease(ctx context.Context, workload string) error {
	kube, at, err := l.lease(ctx, workload)
	if err != nil {
		return err
	}
	if err := kube.Client.CoordinationV1().Leases(at.Namespace).Delete(ctx, at.Name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("lab %s: lease %s: deleting it: %w", l.Plan.Lab, at.Name, err)
	}
	return wait.Until(ctx, wait.For{What: "lease " + at.Name + " is held again", Within: leaseWithin, Each: cluster.OneCall}, func(ctx context.Context) error {
		_, err := l.LeaseHolder(ctx, workload)
		return err
	})
}

// lease returns the Lease of a workload. With the Lease, the nodes agree on the node that announces the workload.
func (l *Lab) lease(ctx context.Context, workload string) (*cluster.Kube, types.NamespacedName, error) {
	var at types.NamespacedName
	i := slices.IndexFunc(l.Plan.Workloads, func(w plan.Workload) bool { return w.Name == workload })
	if i < 0 {
		return nil, at, fmt.Errorf("lab %s has no workload %q", l.Plan.Lab, workload)
	}
	announcer, ok := addon.AnnouncerOf(&l.Plan.Scenario.Spec).(addon.Leaser)
	if !ok {
		return nil, at, fmt.Errorf("lab %s: no addon announces addresses by Leases", l.Plan.Lab)
	}
	at.Namespace, at.Name = announcer.Lease(l.Plan.Workloads[i])
	kube, err := l.Kube(ctx)
	return kube, at, err
}
