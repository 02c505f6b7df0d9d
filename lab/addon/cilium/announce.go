package cilium

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
)

// AnnouncesByARP reports whether nodes answer ARP for LoadBalancer addresses.
func (c *Addon) AnnouncesByARP() bool { return c.L2 != nil }

// AnnouncerLost returns the bound of the outage when the announcing node dies, by the timers of the leases.
func (c *Addon) AnnouncerLost(int) bound.Bound {
	l := c.L2
	return bound.Lease{Duration: l.LeaseDuration.Std(), RenewDeadline: l.LeaseRenewDeadline.Std(), RetryPeriod: l.LeaseRetryPeriod.Std()}.Lost()
}

// Lease returns the Lease for the agents' choice of the announcing node (Cilium documentation, L2 Announcements: leader
// election).
func (c *Addon) Lease(w plan.Workload) (namespace, name string) {
	return metav1.NamespaceSystem, fmt.Sprintf("cilium-l2announce-%s-%s", w.Namespace, w.Service.Name)
}
