package scenario

import (
	"fmt"
	"net/netip"
	"reflect"
)

// Role is what an addon does for a cluster.
type Role string

// The roles.
const (
	RoleCNI          Role = "cni"          // gives pods their network; a cluster has exactly one
	RoleBGP          Role = "bgp"          // speaks BGP on the nodes; at most one, since two cannot peer from one address
	RoleLoadBalancer Role = "loadbalancer" // gives addresses to Services of type LoadBalancer; at most one
	RoleIngress      Role = "ingress"
)

// MetalLB gives addresses to LoadBalancer Services, and announces them by ARP (l2), by BGP, or both.
type MetalLB struct {
	Version string         `json:"version,omitempty" jsonschema:"example=0.15.2"` // default 0.15.2
	Pools   []netip.Prefix `json:"pools,omitempty"`                               // default 198.51.100.0/24
	L2      *MetalLBL2     `json:"l2,omitempty"`
	BGP     *MetalLBBGP    `json:"bgp,omitempty"`
}

// MetalLBL2 has one speaker at a time answer ARP for an address.
type MetalLBL2 struct {
	// Memberlist lets the speakers notice each other's death by gossip, in seconds. Without it they wait for Kubernetes
	// to call the node not ready. Default true.
	Memberlist *bool `json:"memberlist,omitempty"`
}

// MetalLBBGP has every speaker peer with routers.
type MetalLBBGP struct {
	ASN   uint32   `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers []string `json:"peers"` // router names
	// Backend is what speaks: frr, in a container beside the speaker, or native, MetalLB's own. Default frr.
	Backend         string   `json:"backend,omitempty" jsonschema:"enum=frr,enum=native"`
	HoldTime        Duration `json:"holdTime,omitempty"`        // default 9 s
	GracefulRestart bool     `json:"gracefulRestart,omitempty"` // of backend frr; default false
}

// KubeRouter is kube-router: routes by BGP, and, where they are asked for, the pods' network, the Services' proxy
// (IPVS) and network policies.
type KubeRouter struct {
	Version         string          `json:"version,omitempty" jsonschema:"example=2.11.1"` // default 2.11.1
	ASN             uint32          `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers           []string        `json:"peers"`                     // router names
	Advertise       []Advertisement `json:"advertise,omitempty"`       // default all
	HoldTime        Duration        `json:"holdTime,omitempty"`        // default 9 s
	GracefulRestart bool            `json:"gracefulRestart,omitempty"` // default false
	// CNI makes it the pods' network, by a bridge on each node; without it another addon is that.
	CNI bool `json:"cni,omitempty"`
	// ServiceProxy makes it the Services' proxy, by IPVS, in place of kube-proxy.
	ServiceProxy bool `json:"serviceProxy,omitempty"`
	Firewall     bool `json:"firewall,omitempty"` // network policies; default false
	// IBGP peers the nodes with each other, in a full mesh; default true.
	IBGP *bool `json:"ibgp,omitempty"`
	// Overlay wraps packets between nodes of different subnets in IPIP; default false.
	Overlay bool `json:"overlay,omitempty"`
}

// PureLB is PureLB's allocator alone: it gives addresses to LoadBalancer Services and announces nothing.
type PureLB struct {
	Version string         `json:"version,omitempty" jsonschema:"example=0.16.6"` // default 0.16.6
	Pools   []netip.Prefix `json:"pools,omitempty"`                               // default 198.51.100.0/24
}

// Calico is Calico with BGP between its nodes.
type Calico struct {
	Version string `json:"version,omitempty" jsonschema:"example=3.28.5"` // default 3.28.5
	// Encapsulation of packets between nodes: none (routes alone), ipip, or ipipCrossSubnet. Default none.
	Encapsulation string     `json:"encapsulation,omitempty" jsonschema:"enum=none,enum=ipip,enum=ipipCrossSubnet"`
	BGP           *CalicoBGP `json:"bgp,omitempty"` // default: AS 64512, a full mesh, no routers
}

// CalicoBGP is how Calico's nodes peer.
type CalicoBGP struct {
	ASN       uint32          `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers     []string        `json:"peers,omitempty"`     // router names
	Advertise []Advertisement `json:"advertise,omitempty"` // default podCIDR, which Calico always announces
	// RouteReflectors are cluster nodes that all others peer with, in place of the full mesh (RFC 4456).
	RouteReflectors []string `json:"routeReflectors,omitempty"`
}

// APISIX is the Apache APISIX gateway with its ingress controller, installed by its Helm chart.
type APISIX struct {
	// Optional: where its images cannot be had it is left out and told as skipped, and the rest runs; default false.
	Optional bool           `json:"optional,omitempty"`
	Version  string         `json:"version,omitempty" jsonschema:"example=2.14.0"` // the chart's; default 2.14.0
	Chart    string         `json:"chart,omitempty"`                               // a folder or archive; default: the Helm repository's
	Values   map[string]any `json:"values,omitempty"`                              // over the values that the plan computes
}

// Kind is the name of the field that is set, such as cilium; empty where none or several are.
func (a Addon) Kind() string {
	kind := ""
	v := reflect.ValueOf(a)
	for _, f := range fieldsOf(v.Type()) {
		if v.FieldByIndex(f.index).IsNil() {
			continue
		}
		if kind != "" {
			return ""
		}
		kind = f.name
	}
	return kind
}

// Roles are what the addon does for its cluster.
func (a Addon) Roles() []Role {
	var roles []Role
	add := func(role Role, when bool) {
		if when {
			roles = append(roles, role)
		}
	}
	switch {
	case a.Cilium != nil:
		add(RoleCNI, true)
		add(RoleBGP, a.Cilium.BGP != nil)
		add(RoleLoadBalancer, len(a.Cilium.LoadBalancerPools) > 0)
	case a.Calico != nil:
		add(RoleCNI, true)
		add(RoleBGP, true)
	case a.KubeRouter != nil:
		add(RoleCNI, a.KubeRouter.CNI)
		add(RoleBGP, true)
	case a.MetalLB != nil:
		add(RoleBGP, a.MetalLB.BGP != nil)
		add(RoleLoadBalancer, true)
	case a.PureLB != nil:
		add(RoleLoadBalancer, true)
	case a.BIRD != nil:
		add(RoleBGP, true)
	case a.APISIX != nil:
		add(RoleIngress, true)
	}
	return roles
}

// Pools are the prefixes that an addon gives LoadBalancer addresses from, and the field that names them.
func (a Addon) Pools() (field string, pools []netip.Prefix) {
	switch {
	case a.Cilium != nil:
		return "loadBalancerPools", a.Cilium.LoadBalancerPools
	case a.MetalLB != nil:
		return "pools", a.MetalLB.Pools
	case a.PureLB != nil:
		return "pools", a.PureLB.Pools
	}
	return "", nil
}

// NodeSpeaker is an addon that speaks BGP on every node.
type NodeSpeaker struct {
	Addon string // cilium
	Path  string // of what configures it: spec.addons[0].cilium.bgp
	ASN   uint32
	Peers []string // router names
	// GracefulRestart is the addon's own switch of graceful restart (RFC 4724), if the switch can be turned in a running lab,
	// and nil otherwise: MetalLB refuses the change on a peer that is there, kube-router has the switch among the arguments
	// of its pods, and Calico has none.
	GracefulRestart *bool
	// WholePodCIDR means that every node announces the cluster's whole pod CIDR in place of the node's own part.
	WholePodCIDR bool
}

// NodeSpeaker returns the addon that speaks BGP on the nodes, or nil. Validation sees to it that there is but one.
func (s *Spec) NodeSpeaker() *NodeSpeaker {
	for i, a := range s.Addons {
		path := fmt.Sprintf("spec.addons[%d].%s", i, a.Kind())
		switch {
		case a.Cilium != nil && a.Cilium.BGP != nil:
			return &NodeSpeaker{Addon: a.Kind(), Path: path + ".bgp", ASN: a.Cilium.BGP.ASN, Peers: a.Cilium.BGP.Peers, GracefulRestart: &a.Cilium.BGP.GracefulRestart}
		case a.Calico != nil && a.Calico.BGP != nil:
			return &NodeSpeaker{Addon: a.Kind(), Path: path + ".bgp", ASN: a.Calico.BGP.ASN, Peers: a.Calico.BGP.Peers}
		case a.MetalLB != nil && a.MetalLB.BGP != nil:
			return &NodeSpeaker{Addon: a.Kind(), Path: path + ".bgp", ASN: a.MetalLB.BGP.ASN, Peers: a.MetalLB.BGP.Peers}
		case a.KubeRouter != nil:
			return &NodeSpeaker{Addon: a.Kind(), Path: path, ASN: a.KubeRouter.ASN, Peers: a.KubeRouter.Peers}
		case a.BIRD != nil:
			return &NodeSpeaker{Addon: a.Kind(), Path: path, ASN: a.BIRD.ASN, Peers: a.BIRD.Peers, GracefulRestart: &a.BIRD.GracefulRestart, WholePodCIDR: true}
		}
	}
	return nil
}

// AnnouncesByARP reports whether nodes answer ARP for LoadBalancer addresses on the cluster's network.
func (s *Spec) AnnouncesByARP() bool {
	for _, a := range s.Addons {
		if a.Cilium != nil && a.Cilium.L2 != nil || a.MetalLB != nil && a.MetalLB.L2 != nil {
			return true
		}
	}
	return false
}

// defaultPool is where LoadBalancer addresses come from unless a scenario says otherwise.
func defaultPool() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")} }

// The versions that a scenario gets where it names none.
const (
	DefaultCalico     = "3.28.5"
	DefaultKubeRouter = "2.11.1"
	DefaultMetalLB    = "0.15.2"
	DefaultPureLB     = "0.16.6"
	DefaultAPISIX     = "2.14.0"
	defaultCalicoASN  = 64512
)

func (a *Addon) setDefaults(s *Spec) {
	switch {
	case a.Cilium != nil:
		a.Cilium.setDefaults(s)
	case a.Calico != nil:
		Or(&a.Calico.Version, DefaultCalico)
		Or(&a.Calico.Encapsulation, "none")
		Or(&a.Calico.BGP, &CalicoBGP{ASN: defaultCalicoASN})
	case a.KubeRouter != nil:
		Or(&a.KubeRouter.Version, DefaultKubeRouter)
		Or(&a.KubeRouter.HoldTime, DefaultHoldTime)
		if a.KubeRouter.Advertise == nil {
			a.KubeRouter.Advertise = []Advertisement{AdvertisePodCIDR, AdvertiseClusterIP, AdvertiseExternalIP, AdvertiseLoadBalancer}
		}
		on := true
		Or(&a.KubeRouter.IBGP, &on)
	case a.MetalLB != nil:
		a.MetalLB.setDefaults()
	case a.PureLB != nil:
		Or(&a.PureLB.Version, DefaultPureLB)
		if a.PureLB.Pools == nil {
			a.PureLB.Pools = defaultPool()
		}
	case a.BIRD != nil:
		a.BIRD.setDefaults()
	case a.APISIX != nil:
		Or(&a.APISIX.Version, DefaultAPISIX)
	}
}

func (m *MetalLB) setDefaults() {
	Or(&m.Version, DefaultMetalLB)
	if m.Pools == nil {
		m.Pools = defaultPool()
	}
	if b := m.BGP; b != nil {
		Or(&b.Backend, "frr")
		Or(&b.HoldTime, DefaultHoldTime)
	}
	if m.L2 != nil {
		on := true
		Or(&m.L2.Memberlist, &on)
	}
}
