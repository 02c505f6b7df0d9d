package plan

import (
	"fmt"

	"skidpad.dev/skidpad/lab/scenario"
)

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
