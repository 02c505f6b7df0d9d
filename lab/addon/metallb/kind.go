// Package metallb is the addon metallb.
package metallb

import (
	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is MetalLB. MetalLB gives addresses to LoadBalancer Services, and announces the addresses by ARP (l2), by BGP, or both.
type Addon struct {
	Version string          `json:"version,omitempty" jsonschema:"example=0.15.2"` // default 0.15.2
	Pools   []scenario.Pool `json:"pools,omitempty"`                               // default 198.51.100.0/24
	L2      *L2             `json:"l2,omitempty"`
	BGP     *BGP            `json:"bgp,omitempty"`
}

// L2 has one speaker at a time answer ARP for an address.
type L2 struct {
	// Memberlist lets the speakers notice each other's death by gossip, in seconds. Without it they wait for Kubernetes
	// to call the node not ready. Default true.
	Memberlist *bool `json:"memberlist,omitempty"`
}

// BGP has every speaker peer with routers.
type BGP struct {
	ASN   uint32              `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers []scenario.NodePeer `json:"peers"`
	// Backend is the BGP implementation: frr, in a container beside the speaker, or native, MetalLB's own. Default frr.
	Backend         string            `json:"backend,omitempty" jsonschema:"enum=frr,enum=native"`
	HoldTime        scenario.Duration `json:"holdTime,omitempty"`        // default 9 s
	GracefulRestart bool              `json:"gracefulRestart,omitempty"` // of backend frr; default false
}

const defaultVersion = "0.15.2"

var (
	_ addon.Announcer       = (*Addon)(nil)
	_ addon.Imager          = (*Addon)(nil)
	_ scenario.Pooler       = (*Addon)(nil)
	_ scenario.NodeSpeaking = (*Addon)(nil)
)

// Daemons are the programs on the nodes.
func (*Addon) Daemons() []string { return []string{"speaker"} }

// Releases lists the module with the versions.
func (*Addon) Releases() (versions, modules []string) { return nil, []string{"go.universe.tf/metallb"} }

// SetDefaults fills in the fields that the file leaves out.
func (m *Addon) SetDefaults(s *scenario.Spec) {
	scenario.Or(&m.Version, defaultVersion)
	if m.Pools == nil {
		m.Pools = s.DefaultPools()
	}
	if b := m.BGP; b != nil {
		scenario.Or(&b.Backend, "frr")
		scenario.Or(&b.HoldTime, scenario.DefaultHoldTime)
	}
	if m.L2 != nil {
		on := true
		scenario.Or(&m.L2.Memberlist, &on)
	}
}

// Roles returns the work of the addon in the cluster.
func (m *Addon) Roles() []scenario.Role {
	if m.BGP != nil {
		return []scenario.Role{scenario.RoleBGP, scenario.RoleLoadBalancer}
	}
	return []scenario.Role{scenario.RoleLoadBalancer}
}

// AddressPools returns the pools of LoadBalancer addresses.
func (m *Addon) AddressPools() (string, []scenario.Pool) { return "pools", m.Pools }

// NodeSpeaker returns the speakers' BGP. A running lab cannot turn graceful restart on or off: MetalLB refuses the change of
// a peer.
func (m *Addon) NodeSpeaker() *scenario.NodeSpeaker {
	if m.BGP == nil {
		return nil
	}
	return &scenario.NodeSpeaker{Path: "bgp", ASN: m.BGP.ASN, Peers: m.BGP.Peers}
}

// Validate checks the fields.
func (m *Addon) Validate(v *scenario.Validation, path string) {
	v.NeedsIPv4(path, "metallb")
	v.Release(path+".version", m.Version, defaultVersion)
	v.NotEmpty(path+".pools", len(m.Pools))
	v.LoadBalancerPools(path+".pools", m.Pools)
	if m.L2 == nil && m.BGP == nil {
		v.Add(path, "seen neither l2 nor bgp, want one of them: else nobody learns where an address is")
	}
	b := m.BGP
	if b == nil {
		return
	}
	v.Speaks(path+".bgp", m.NodeSpeaker(), b.HoldTime)
	if b.GracefulRestart && b.Backend == "native" {
		v.Add(path+".bgp.gracefulRestart", "seen true with backend native, which has none, want backend frr")
	}
}
