package live

import (
	"testing"

	"skidpad.dev/skidpad/lab/plan"
)

// Cilium calls the Lease of a Service cilium-l2announce-NAMESPACE-NAME
// (https://docs.cilium.io/en/stable/network/l2-announcements/).
func TestLeaseName(t *testing.T) {
	w := plan.Workload{Name: "workload", Namespace: "shop", Service: plan.Service{Name: "front"}}
	if got, want := leaseName(w), "cilium-l2announce-shop-front"; got != want {
		t.Errorf("seen %q, wanted %q", got, want)
	}
	p := planOf(t, "../../scenarios/cilium-l2/scenario.yaml")
	if got, want := leaseName(p.Workloads[0]), "cilium-l2announce-default-echo"; got != want {
		t.Errorf("the scenario's first workload: seen %q, wanted %q", got, want)
	}
}
