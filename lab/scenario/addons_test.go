package scenario

import "testing"

// TestGracefulRestartSwitch holds that each speaker of the nodes has its own switch, or none where a running lab cannot turn it.
func TestGracefulRestartSwitch(t *testing.T) {
	cilium, bird := &CiliumBGP{}, &NodeBIRD{}
	for name, c := range map[string]struct {
		addon Addon
		own   *bool
	}{
		"cilium":     {Addon{Cilium: &Cilium{BGP: cilium}}, &cilium.GracefulRestart},
		"bird":       {Addon{BIRD: bird}, &bird.GracefulRestart},
		"calico":     {Addon{Calico: &Calico{BGP: &CalicoBGP{}}}, nil},
		"metallb":    {Addon{MetalLB: &MetalLB{BGP: &MetalLBBGP{}}}, nil},
		"kubeRouter": {Addon{KubeRouter: &KubeRouter{}}, nil},
	} {
		n := (&Spec{Addons: []Addon{c.addon}}).NodeSpeaker()
		if n == nil || n.Addon != name {
			t.Fatalf("%s: seen speaker %v", name, n)
		}
		if n.GracefulRestart != c.own {
			t.Errorf("%s: seen another switch of graceful restart than the addon's own", name)
		}
	}
}
