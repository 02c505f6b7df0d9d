package plan

import (
	"fmt"
	"slices"

	"skidpad.dev/skidpad/lab/scenario"
)

// Amend returns the plan of the same lab with the native configuration of the routers and the impairments of the networks of
// another scenario. The scenarios differ in nothing else.
func (p *Plan) Amend(s *scenario.Scenario) (*Plan, error) {
	drafted, err := p.With(func(spec *scenario.Spec) {
		for i, r := range s.Spec.Routers {
			spec.Routers[i].NativeConfig = r.NativeConfig
		}
		for i, n := range s.Spec.Networks {
			spec.Networks[i].Impairment = n.Impairment
		}
	})
	if err != nil {
		return nil, err
	}
	amended := *p
	amended.Scenario, amended.Routers, amended.Networks, amended.Kernel = s, slices.Clone(p.Routers), slices.Clone(p.Networks), drafted.Kernel
	for i := range amended.Networks {
		amended.Networks[i].Impairment = drafted.Networks[i].Impairment
	}
	for i := range amended.Routers {
		amended.Routers[i].Native = drafted.Routers[i].Native
	}
	amended.Hash, err = hashOf(&amended)
	return &amended, err
}

// With returns the plan of the same lab, on the same subnets, with a changed scenario. With serves changes while the lab
// runs: routers' configurations and Cilium's resources. The plan lacks the values that depend on the host.
func (p *Plan) With(change func(*scenario.Spec)) (*Plan, error) {
	s, err := p.Scenario.Clone()
	if err != nil {
		return nil, fmt.Errorf("lab bug: scenario of lab %s cannot be copied: %w", p.Lab, err)
	}
	for i, n := range p.Networks {
		s.Spec.Networks[i].IPv4 = &n.Subnet
		if n.Subnet6.IsValid() {
			s.Spec.Networks[i].IPv6 = &n.Subnet6
		}
	}
	change(&s.Spec)
	return Make(s, p.Lab, Host{})
}
