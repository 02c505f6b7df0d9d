package bug

import (
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestAKubectlStepUsesTheProvidersOwnKubeconfig(t *testing.T) {
	for file, want := range map[string]string{
		"../../scenarios/k3s-cilium-l2/scenario.yaml": "kubectl --kubeconfig /etc/rancher/k3s/k3s.yaml get nodes",
		"../../scenarios/cilium-l2/scenario.yaml":     "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes",
	} {
		s, err := scenario.Load(file, lab.Kinds())
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Make(s, "test", plan.Host{})
		if err != nil {
			t.Fatal(err)
		}
		if got := kubectl(p, "get nodes"); got.Run != want || got.Node != "control-plane" {
			t.Errorf("%s: seen %q on %s, want %q on control-plane", file, got.Run, got.Node, want)
		}
	}
}
