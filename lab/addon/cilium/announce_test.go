package cilium_test

import (
	"testing"

	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/plan"
)

// The Lease of a Service has the name cilium-l2announce-NAMESPACE-NAME
// (https://docs.cilium.io/en/stable/network/l2-announcements/).
func TestLeaseName(t *testing.T) {
	for want, w := range map[string]plan.Workload{
		"cilium-l2announce-shop-front":   {Name: "workload", Namespace: "shop", Service: plan.Service{Name: "front"}},
		"cilium-l2announce-default-echo": {Name: "echo", Namespace: "default", Service: plan.Service{Name: "echo"}},
	} {
		if namespace, got := (&cilium.Addon{}).Lease(w); got != want || namespace != "kube-system" {
			t.Errorf("seen %s/%s, wanted kube-system/%s", namespace, got, want)
		}
	}
}
