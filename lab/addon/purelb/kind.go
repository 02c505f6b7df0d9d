// Package purelb is the addon purelb.
package purelb

import (
	"fmt"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is PureLB's allocator alone: the allocator gives addresses to LoadBalancer Services and announces nothing.
type Addon struct {
	Version string          `json:"version,omitempty" jsonschema:"example=0.16.6"` // default 0.16.6
	Pools   []scenario.Pool `json:"pools,omitempty"`                               // default 198.51.100.0/24
}

const defaultVersion = "0.16.6"

var (
	_ addon.Imager    = (*Addon)(nil)
	_ scenario.Pooler = (*Addon)(nil)
)

// SetDefaults fills in the fields that the file leaves out.
func (p *Addon) SetDefaults(s *scenario.Spec) {
	scenario.Or(&p.Version, defaultVersion)
	if p.Pools == nil {
		p.Pools = s.DefaultPools()
	}
}

// Roles returns the work of the addon in the cluster.
func (*Addon) Roles() []scenario.Role { return []scenario.Role{scenario.RoleLoadBalancer} }

// AddressPools returns the pools of LoadBalancer addresses.
func (p *Addon) AddressPools() (string, []scenario.Pool) { return "pools", p.Pools }

// Validate checks the fields.
func (p *Addon) Validate(v *scenario.Validation, path string) {
	v.NeedsIPv4(path, "purelb")
	v.Release(path+".version", p.Version, defaultVersion)
	v.NotEmpty(path+".pools", len(p.Pools))
	v.LoadBalancerPools(path+".pools", p.Pools)
	for i, pool := range p.Pools {
		if pool.Range != "" || pool.Name != "" || pool.ServiceSelector != nil || pool.Namespaces != nil {
			v.NotYet(fmt.Sprintf("%s.pools[%d]", path, i), "a range, a name, a selector or namespaces with purelb", "a prefix alone")
		}
	}
}

// Images returns the catalogue's entries.
func (*Addon) Images() []image.Entry {
	return []image.Entry{image.Published("purelb-allocator", "PureLB's allocator", defaultVersion, "purelb/allocator:v", "its repository is no Go module that can be had")}
}
