package scenario

import (
	"fmt"
	"net/netip"
	"slices"
)

// Role is the work of an addon in a cluster.
type Role string

// The roles.
const (
	RoleCNI          Role = "cni"          // gives pods their network; a cluster has exactly one
	RoleBGP          Role = "bgp"          // speaks BGP with routers; at most one, since two cannot peer from one address
	RoleLoadBalancer Role = "loadbalancer" // gives addresses to Services of type LoadBalancer; at most one
	RoleIngress      Role = "ingress"
)

// Addon is a program in the cluster: {NAME: fields}.
type Addon struct{ Entry }

func (*Addon) from(k Kinds) []Member { return k.Addons }
func (*Addon) noun() string          { return "addon" }

// AddonFields is the part of a scenario file about one addon. The interfaces below are for addons with further properties.
type AddonFields interface {
	Fields
	Roles() []Role
}

// Pooler gives addresses to LoadBalancer Services.
type Pooler interface {
	// AddressPools returns the pools of addresses, and the field with the pools.
	AddressPools() (field string, pools []Pool)
}

// NodeSpeaking speaks BGP on every node.
type NodeSpeaking interface {
	// NodeSpeaker returns the speaker without Addon, or nil. Path is the field that configures the speaker, or empty.
	NodeSpeaker() *NodeSpeaker
}

// ARPAnnouncer lets nodes answer ARP for LoadBalancer addresses.
type ARPAnnouncer interface{ AnnouncesByARP() bool }

// ServiceProxy makes Services work in place of kube-proxy.
type ServiceProxy interface {
	// ProxiesServices reports whether the addon is the proxy in a cluster with this kube-proxy, and the field that turns the
	// proxy on, or "".
	ProxiesServices(beside KubeProxy) (on bool, field string)
}

// FlowReporter reports the flows of all nodes through one API (Hubble's relay).
type FlowReporter interface{ ReportsFlows() bool }

// ServiceLister lists the Services in the forwarding state of every node.
type ServiceLister interface{ ListsServices(beside KubeProxy) bool }

// NodeSpeaker is an addon that speaks BGP on every node.
type NodeSpeaker struct {
	Addon string // cilium
	Path  string // of the configuration: spec.addons[0].cilium.bgp
	// ASN and Peers are of the nodes outside of all instances. ASN is 0 if there are no such nodes.
	ASN       uint32
	Peers     []NodePeer
	Instances []NodeInstance
	// Can are the settings of a peer that the speaker has.
	Can NodeAbilities
	// GracefulRestart is the addon's own switch of graceful restart (RFC 4724), if the switch can be turned in a running lab,
	// and nil otherwise.
	GracefulRestart *bool
	// HoldTime is the hold time that the nodes offer in sessions without timers of their own; 0: the speaker's default, not known
	// here.
	HoldTime Duration
	// BFD is the speaker's BFD with the routers; nil means none. CanBFD reports whether the speaker can have BFD.
	BFD    *BFD
	CanBFD bool
	// Racks means that the nodes of a rack can have peers of their own.
	Racks bool
	// WholePodCIDR means that every node announces the cluster's whole pod CIDR in place of the node's own part.
	WholePodCIDR bool
	// Process is the name of the speaker's program on the nodes: cilium-agent.
	Process string
}

// Roles returns the work of the addon in the cluster. A speaker that peers only with another speaker of its node has no RoleBGP.
func (a Addon) Roles() []Role {
	f, ok := a.Fields.(AddonFields)
	if !ok {
		return nil
	}
	roles := f.Roles()
	if s, ok := a.Fields.(NodeSpeaking); ok && s.NodeSpeaker().chained() {
		roles = slices.DeleteFunc(slices.Clone(roles), func(r Role) bool { return r == RoleBGP })
	}
	return roles
}

// chained reports whether all peers are on the speaker's own node (127.0.0.1 or ::1).
func (n *NodeSpeaker) chained() bool {
	return n != nil && len(n.AllPeers()) > 0 && !slices.ContainsFunc(n.AllPeers(), func(p NodePeer) bool { return p.Address == nil || !p.Address.IsLoopback() })
}

// Pools returns the pools of LoadBalancer addresses that the addon gives, and the field with the pools.
func (a Addon) Pools() (field string, pools []Pool) {
	if p, ok := a.Fields.(Pooler); ok {
		return p.AddressPools()
	}
	return "", nil
}

// path returns the path of the entry at an index.
func (a Addon) path(i int) string { return join(fmt.Sprintf("spec.addons[%d]", i), a.Name) }

// NodeSpeaker returns the addon that speaks BGP with routers on the nodes, or nil. Validation refuses a second speaker.
func (s *Spec) NodeSpeaker() *NodeSpeaker {
	for i, a := range s.Addons {
		f, ok := a.Fields.(NodeSpeaking)
		if !ok {
			continue
		}
		if n := f.NodeSpeaker(); n != nil && !n.chained() {
			n.Addon = a.Name
			if n.Path == "" {
				n.Path = a.path(i)
			} else {
				n.Path = join(a.path(i), n.Path)
			}
			return n
		}
	}
	return nil
}

// AnnouncesByARP reports whether nodes answer ARP for LoadBalancer addresses on the cluster's network.
func (s *Spec) AnnouncesByARP() bool {
	return anyAddon(s, func(f ARPAnnouncer) bool { return f.AnnouncesByARP() })
}

// ReportsFlows reports whether an addon reports the flows of all nodes.
func (s *Spec) ReportsFlows() bool {
	return anyAddon(s, func(f FlowReporter) bool { return f.ReportsFlows() })
}

// ListsServices reports whether an addon lists the Services of each node.
func (s *Spec) ListsServices() bool {
	return s.Cluster != nil && anyAddon(s, func(f ServiceLister) bool { return f.ListsServices(s.Cluster.KubeProxy) })
}

// anyAddon reports whether an addon with the interface satisfies the condition.
func anyAddon[T any](s *Spec, satisfies func(T) bool) bool {
	return slices.ContainsFunc(s.Addons, func(a Addon) bool {
		f, ok := a.Fields.(T)
		return ok && satisfies(f)
	})
}

// OtherGives reports whether an addon other than fields gives LoadBalancer addresses.
func (s *Spec) OtherGives(fields Fields) bool {
	return slices.ContainsFunc(s.Addons, func(a Addon) bool { return a.Fields != fields && slices.Contains(a.Roles(), RoleLoadBalancer) })
}

// DefaultPools returns the default pools of LoadBalancer addresses for the cluster's families.
func (s *Spec) DefaultPools() []Pool {
	var all []Pool
	if s.IPv4() {
		all = PoolsOf(netip.MustParsePrefix("198.51.100.0/24"))
	}
	if s.IPv6() {
		all = append(all, PoolsOf(netip.MustParsePrefix("2001:db8:198:51::/112"))...)
	}
	return all
}

// AllAdvertisements returns every kind of address that a speaker announces by default.
func AllAdvertisements() []Announcement {
	return []Announcement{{Kind: AdvertisePodCIDR}, {Kind: AdvertiseClusterIP}, {Kind: AdvertiseExternalIP}, {Kind: AdvertiseLoadBalancer}}
}
