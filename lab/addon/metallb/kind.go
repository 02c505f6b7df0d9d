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
	// Nodes are the announcing nodes, by name, or workers or controlPlanes; default: all nodes.
	Nodes []string `json:"nodes,omitempty"`
	// Interfaces are the nodes' interfaces that announce, by name; default eth0, the interface on the cluster's network. An
	// interface on a further network has the network's name.
	Interfaces []string `json:"interfaces,omitempty"`
	// Pools are the announced pools, by name; default: every pool.
	Pools []string `json:"pools,omitempty"`
	// Memberlist lets the speakers notice each other's death by gossip, in seconds. Without it they wait for Kubernetes
	// to call the node not ready. Default true.
	Memberlist *bool `json:"memberlist,omitempty"`
}

// BGP has every speaker peer with routers.
type BGP struct {
	// ASN and Peers are of the nodes outside of all instances.
	ASN   uint32              `json:"asn,omitempty" jsonschema:"minimum=1,maximum=4294967295"`
	Peers []scenario.NodePeer `json:"peers,omitempty"`
	// Backend is the BGP implementation (MetalLB: METALLB_BGP_TYPE): frr, in a container beside the speaker; frr-k8s, FRR in a
	// pod of its own, whose configuration the speaker and others write as FRRConfigurations in the namespace metallb-system; or
	// native, MetalLB's own. Default frr. The native one has IPv4 only, no BFD, no graceful restart, no large communities and no
	// times but the hold time.
	Backend         string            `json:"backend,omitempty" jsonschema:"enum=frr,enum=frr-k8s,enum=native"`
	HoldTime        scenario.Duration `json:"holdTime,omitempty"`        // default 9 s
	GracefulRestart bool              `json:"gracefulRestart,omitempty"` // of backends with FRR; default false
	// Advertise are the announcements to the peers without announcements of their own, each of loadBalancerIP; default: every
	// address of every pool from every node.
	Advertise []scenario.Announcement `json:"advertise,omitempty"`
	// Instances are speakers of some nodes, with an ASN and peers of their own. They need backend native: FRR has one ASN on all
	// nodes.
	Instances []scenario.NodeInstance `json:"instances,omitempty"`
}

// The backends.
const (
	frrBackend    = "frr"
	frrK8sBackend = "frr-k8s"
	nativeBackend = "native"
)

const defaultVersion = "0.15.2"

var (
	_ addon.Announcer       = (*Addon)(nil)
	_ addon.Imager          = (*Addon)(nil)
	_ scenario.Pooler       = (*Addon)(nil)
	_ scenario.NodeSpeaking = (*Addon)(nil)
)

// Daemons are the programs on the nodes.
func (*Addon) Daemons() []string { return []string{"speaker", frrK8s} }

// Releases lists the module with the versions.
func (*Addon) Releases() (versions, modules []string) { return nil, []string{"go.universe.tf/metallb"} }

// SetDefaults fills in the fields that the file leaves out.
func (m *Addon) SetDefaults(s *scenario.Spec) {
	scenario.Or(&m.Version, defaultVersion)
	if m.Pools == nil {
		m.Pools = s.DefaultPools()
	}
	if b := m.BGP; b != nil {
		scenario.Or(&b.Backend, frrBackend)
		scenario.Or(&b.HoldTime, scenario.DefaultHoldTime)
		for _, peers := range b.lists() {
			for i := range peers {
				peers[i].BFD.SetDefaults()
				if peers[i].Families == nil && b.Backend == nativeBackend && s.DualStack() {
					peers[i].Families = []scenario.IPFamily{scenario.IPv4Family}
				}
			}
		}
	}
	if l := m.L2; l != nil {
		on := true
		scenario.Or(&l.Memberlist, &on)
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
	return &scenario.NodeSpeaker{Path: "bgp", ASN: m.BGP.ASN, Peers: m.BGP.Peers, Instances: m.BGP.Instances, Can: m.BGP.abilities(), HoldTime: m.BGP.HoldTime}
}

// abilities returns the settings of the backend.
func (b *BGP) abilities() scenario.NodeAbilities {
	const both = scenario.NodePassword | scenario.NodeSelection | scenario.NodeFamilies | scenario.NodePort | scenario.NodeSourceAddress |
		scenario.NodeTiming | scenario.NodeAdvertising | scenario.NodeAddress | scenario.NodeAttributes | scenario.NodePools |
		scenario.NodeAnnouncing | scenario.NodeAggregation
	if b.Backend == nativeBackend {
		return both
	}
	if b.Backend == frrK8sBackend {
		// MetalLB leaves the source address out of the FRRConfiguration.
		return (both &^ scenario.NodeSourceAddress) | scenario.NodeMultihop | scenario.NodeRestarting | scenario.NodeBFD
	}
	return both | scenario.NodeMultihop | scenario.NodeRestarting | scenario.NodeBFD
}

// lists returns the lists of peers: the nodes' and each instance's.
func (b *BGP) lists() [][]scenario.NodePeer {
	all := [][]scenario.NodePeer{b.Peers}
	for _, in := range b.Instances {
		all = append(all, in.Peers)
	}
	return all
}
