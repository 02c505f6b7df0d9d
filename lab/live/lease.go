package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/wait"
)

// leaseWithin bounds the wait for somebody to hold a lease that was released: many times the default retry period.
const leaseWithin = 60 * time.Second

// leaseName is the Lease by which Cilium's agents agree on who announces a Service (Cilium documentation, L2
// Announcements: leader election).
func leaseName(w plan.Workload) string {
	return fmt.Sprintf("cilium-l2announce-%s-%s", w.Namespace, w.Service.Name)
}

// LeaseHolder is the scenario's name of the node that announces a workload's addresses by ARP. Nobody is an error.
func (l *Lab) LeaseHolder(ctx context.Context, workload string) (string, error) {
	kube, name, err := l.lease(ctx, workload)
	if err != nil {
		return "", err
	}
	lease, err := kube.Client.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("lab %s: lease %s: %w", l.Plan.Lab, name, err)
	}
	if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
		return "", fmt.Errorf("lab %s: lease %s: nobody holds it", l.Plan.Lab, name)
	}
	return l.shortName(*lease.Spec.HolderIdentity), nil
}

// ReleaseLease deletes the Lease, so that nodes run for it anew, and waits until one has it.
func (l *Lab) ReleaseLease(ctx context.Context, workload string) error {
	kube, name, err := l.lease(ctx, workload)
	if err != nil {
		return err
	}
	if err := kube.Client.CoordinationV1().Leases(metav1.NamespaceSystem).Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("lab %s: lease %s: deleting it: %w", l.Plan.Lab, name, err)
	}
	return wait.Until(ctx, wait.For{What: "lease " + name + " is held again", Within: leaseWithin, Each: cluster.OneCall}, func(ctx context.Context) error {
		_, err := l.LeaseHolder(ctx, workload)
		return err
	})
}

func (l *Lab) lease(ctx context.Context, workload string) (*cluster.Kube, string, error) {
	i := slices.IndexFunc(l.Plan.Workloads, func(w plan.Workload) bool { return w.Name == workload })
	if i < 0 {
		return nil, "", fmt.Errorf("lab %s has no workload %q", l.Plan.Lab, workload)
	}
	kube, err := l.Kube(ctx)
	return kube, leaseName(l.Plan.Workloads[i]), err
}
