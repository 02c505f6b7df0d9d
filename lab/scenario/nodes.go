package scenario

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// NodePeer is a peer of the nodes' BGP speaker. `r1` stands for `{router: r1}`. Exactly one of Router and Address is set.
type NodePeer struct {
	Router string `json:"router,omitempty"` // a router's name
	// Address is any address, of a router of the scenario too. The entry configures the nodes' end only; the other end is not
	// checked.
	Address *netip.Addr `json:"address,omitempty" jsonschema:"example=10.0.0.9,example=2001:db8::9"`
	// ASN is the AS number of the peer; default: the router's own. An address needs an ASN.
	ASN uint32 `json:"asn,omitempty" jsonschema:"minimum=1,maximum=4294967295"`
	// OneSided is a session to a router that has no peer entry for nodes: the nodes dial, the router refuses, and the session
	// stays down. The check sessions does not count the session; default false.
	OneSided bool `json:"oneSided,omitempty"`
	// Nodes are the nodes with a session to the peer, by name, or all, workers or controlPlanes; default: every node on a
	// network of the router.
	Nodes []string `json:"nodes,omitempty"`
	// Password signs every segment (TCP MD5, RFC 2385): 1 to 80 letters, digits and ._~+/=-, the same at both ends.
	Password Secret `json:"password,omitempty"`
	// Families are the families with a session: a session over IPv4 carries IPv4 routes, and a session over IPv6 carries IPv6
	// routes; default: the families of the cluster.
	Families []IPFamily `json:"families,omitempty"`
	// Multihop is the TTL of packets to an external peer, and thus the largest distance of the peer in hops; default 1.
	// With MetalLB, 255 is the only value.
	Multihop int `json:"multihop,omitempty" jsonschema:"minimum=2,maximum=255"`
	// Port is the peer's TCP port; default 179.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535"`
	// SourceInterface is the interface with the source address of the session: lo; default: the interface of the route.
	SourceInterface string `json:"sourceInterface,omitempty"`
	// SourceAddress is the source address of the session, such as a loopback of the only node in Nodes (MetalLB:
	// sourceAddress); default: the address of the route.
	SourceAddress *netip.Addr `json:"sourceAddress,omitempty" jsonschema:"example=10.255.1.1,example=2001:db8:255::1:1"`
	// Loopback makes the session run to the router's first loopback, and the router may be several hops away; default false.
	// The router's peer entry for the nodes must have loopback, too, and the nodes need a route to the loopback.
	Loopback bool `json:"loopback,omitempty"`
	// Timers are the session's own times; default: the speaker's.
	Timers *Timers `json:"timers,omitempty"`
	// GracefulRestart is the session's own graceful restart (RFC 4724); default: the speaker's.
	GracefulRestart *NodeRestart `json:"gracefulRestart,omitempty"`
	// BFD must be on in the router's peer entry for the nodes, too; default: the speaker's.
	BFD *BFD `json:"bfd,omitempty"`
	// Advertise lists the announcements to this peer; default: the speaker's.
	Advertise []Announcement `json:"advertise,omitempty"`
	// AutoDiscovery lets each node take its default gateway as the peer's address. The router must be the default gateway of
	// the nodes.
	AutoDiscovery bool `json:"autoDiscovery,omitempty"`
}

// NodeRestart is the graceful restart of a session. `true` stands for `{enabled: true}`.
type NodeRestart struct {
	Enabled bool `json:"enabled"`
	// RestartTime is the time that the peer waits for the node's new session, in whole seconds up to 4095 s; default: the
	// project's, such as 120 s.
	RestartTime Duration `json:"restartTime,omitempty"`
}

// Announcement is a kind of address that the nodes announce. `podCIDR` stands for `{kind: podCIDR}`.
type Announcement struct {
	Kind Advertisement `json:"kind,omitempty"`
	// Selector selects Services by labels, and with podPool pools of pod addresses; default: every Service, or every pool. Of a
	// podCIDR, no Service is selected.
	Selector map[string]string `json:"selector,omitempty"`
	// Pools are the pools of the announced LoadBalancer addresses, by name; default: every pool.
	Pools []string `json:"pools,omitempty"`
	// Communities are attached to the routes: two numbers (RFC 1997) or three (RFC 8092).
	Communities []Community `json:"communities,omitempty" jsonschema:"example=64512:100"`
	// LocalPref is the local preference of the routes at internal peers (RFC 4271, 5.1.5).
	LocalPref *uint32 `json:"localPref,omitempty"`
	// Nodes are the announcing nodes (MetalLB: nodeSelectors), by name, or all, workers or controlPlanes; default: all nodes.
	Nodes []string `json:"nodes,omitempty"`
	// AggregationLength is the length of the announced IPv4 prefixes, 1 to 32 bits (MetalLB: aggregationLength; Cilium:
	// aggregationLengthIPv4); default 32, the single address.
	AggregationLength int `json:"aggregationLength,omitempty" jsonschema:"minimum=1,maximum=32"`
	// AggregationLengthV6 is AggregationLength for IPv6, 1 to 128 bits; default 128.
	AggregationLengthV6 int `json:"aggregationLengthV6,omitempty" jsonschema:"minimum=1,maximum=128"`
}

// Pool is a pool of LoadBalancer addresses. `192.0.2.0/24` stands for `{cidr: 192.0.2.0/24}`. Exactly one of CIDR and Range is
// set. If nodes announce the addresses by ARP, a pool may lie inside the nodes' own network, on addresses from .128 to .191 of
// the network's first /24, or beyond this /24.
type Pool struct {
	Name string       `json:"name,omitempty"` // of the Kubernetes object; default: skidpad, for all pools without a name
	CIDR netip.Prefix `json:"cidr,omitempty,omitzero" jsonschema:"example=192.0.2.0/24,example=2001:db8:198:51::/112"`
	// Range is the first and the last address: 192.0.2.10-192.0.2.20.
	Range string `json:"range,omitempty" jsonschema:"example=192.0.2.10-192.0.2.20"`
	// ServiceSelector keeps the pool for the Services with all these labels; default: every Service. A pool with a selector
	// needs a name.
	ServiceSelector map[string]string `json:"serviceSelector,omitempty"`
	// Namespaces keep the pool for the Services in these namespaces; default: all namespaces. The echo workloads are in the
	// namespace default. A pool with namespaces needs a name.
	Namespaces []string `json:"namespaces,omitempty"`
}

func (NodePeer) briefly() string     { return "router" }
func (NodeRestart) briefly() string  { return "enabled" }
func (Announcement) briefly() string { return "kind" }
func (Pool) briefly() string         { return "cidr" }

// The types without methods of JSON.
type (
	wholeNodePeer     NodePeer
	wholeNodeRestart  NodeRestart
	wholeAnnouncement Announcement
	wholePool         Pool
)

// MarshalJSON writes the form of the file.
func (p NodePeer) MarshalJSON() ([]byte, error) { return briefJSON(wholeNodePeer(p), p.briefly()) }

// UnmarshalJSON reads both forms.
func (p *NodePeer) UnmarshalJSON(data []byte) error {
	return fromBriefJSON(data, (*wholeNodePeer)(p), p.briefly())
}

// MarshalJSON writes the form of the file.
func (r NodeRestart) MarshalJSON() ([]byte, error) {
	return briefJSON(wholeNodeRestart(r), r.briefly())
}

// UnmarshalJSON reads both forms.
func (r *NodeRestart) UnmarshalJSON(data []byte) error {
	return fromBriefJSON(data, (*wholeNodeRestart)(r), r.briefly())
}

// MarshalJSON writes the form of the file.
func (a Announcement) MarshalJSON() ([]byte, error) {
	return briefJSON(wholeAnnouncement(a), a.briefly())
}

// UnmarshalJSON reads both forms.
func (a *Announcement) UnmarshalJSON(data []byte) error {
	return fromBriefJSON(data, (*wholeAnnouncement)(a), a.briefly())
}

// MarshalJSON writes the form of the file.
func (p Pool) MarshalJSON() ([]byte, error) { return briefJSON(wholePool(p), p.briefly()) }

// UnmarshalJSON reads both forms.
func (p *Pool) UnmarshalJSON(data []byte) error {
	return fromBriefJSON(data, (*wholePool)(p), p.briefly())
}

// Name returns the name of the peer in objects: the router's, or a name of the address.
func (p NodePeer) Name() string {
	if p.Address != nil {
		return "at-" + strings.NewReplacer(".", "-", ":", "-").Replace(p.Address.StringExpanded())
	}
	return p.Router
}

// V4 and V6 report whether the peer has a session over a family, in a cluster with this family.
func (p NodePeer) V4() bool { return p.Families == nil || slices.Contains(p.Families, IPv4Family) }

// V6 is V4 for IPv6.
func (p NodePeer) V6() bool { return p.Families == nil || slices.Contains(p.Families, IPv6Family) }

// Plain reports whether the peer has no settings beside the other end and the nodes.
func (p NodePeer) Plain() bool {
	return p.Password == "" && p.Multihop == 0 && p.Port == 0 && p.SourceInterface == "" && p.SourceAddress == nil && p.Timers == nil &&
		p.GracefulRestart == nil && p.BFD == nil && p.Advertise == nil
}

// Bounds returns the first and the last address of the pool. ok is false for a text that is no range.
func (p Pool) Bounds() (first, last netip.Addr, ok bool) {
	if p.CIDR.IsValid() {
		return p.CIDR.Addr(), lastOf(p.CIDR), true
	}
	from, to, found := strings.Cut(p.Range, "-")
	first, err1 := netip.ParseAddr(strings.TrimSpace(from))
	last, err2 := netip.ParseAddr(strings.TrimSpace(to))
	ok = found && err1 == nil && err2 == nil && first.BitLen() == last.BitLen() && !last.Less(first) && first.Zone() == ""
	return first, last, ok
}

// Prefixes returns the pool's addresses as prefixes: the prefix itself, or the fewest prefixes for the range.
func (p Pool) Prefixes() []netip.Prefix {
	if p.CIDR.IsValid() {
		return []netip.Prefix{p.CIDR}
	}
	first, last, ok := p.Bounds()
	if !ok {
		return nil
	}
	var all []netip.Prefix
	for {
		// The longest prefix that starts at first and ends before or at last.
		bits := first.BitLen()
		for bits > 0 {
			wider := netip.PrefixFrom(first, bits-1)
			if wider.Masked() != wider || last.Less(lastOf(wider)) {
				break
			}
			bits--
		}
		block := netip.PrefixFrom(first, bits)
		all = append(all, block)
		if first = lastOf(block).Next(); !first.IsValid() || last.Less(first) {
			return all
		}
	}
}

// String returns the pool as the file writes it.
func (p Pool) String() string {
	if p.CIDR.IsValid() {
		return p.CIDR.String()
	}
	return p.Range
}

// takes reports whether a Service of a workload with these labels may get an address of the pool. Workloads are in the
// namespace default.
func (p Pool) takes(labels map[string]string) bool {
	if p.Namespaces != nil && !slices.Contains(p.Namespaces, "default") {
		return false
	}
	for name, want := range p.ServiceSelector {
		if have, ok := labels[name]; !ok || have != want {
			return false
		}
	}
	return true
}

// lastOf returns the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for i := p.Bits(); i < len(raw)*8; i++ {
		raw[i/8] |= 1 << (7 - i%8)
	}
	last, _ := netip.AddrFromSlice(raw)
	return last
}

// PoolPrefixes returns the prefixes of several pools.
func PoolPrefixes(pools []Pool) []netip.Prefix {
	var all []netip.Prefix
	for _, p := range pools {
		all = append(all, p.Prefixes()...)
	}
	return all
}

// PoolsOf returns pools of prefixes.
func PoolsOf(prefixes ...netip.Prefix) []Pool {
	var all []Pool
	for _, p := range prefixes {
		all = append(all, Pool{CIDR: p})
	}
	return all
}

// NodeInstance is one BGP speaker of some nodes.
type NodeInstance struct {
	// Name names the instance in the project's objects; default: skidpad.
	Name string `json:"name,omitempty"`
	// Nodes are the nodes, by name, or all, workers or controlPlanes, with this instance in place of the ASN and the peers of all other nodes. A node in several
	// instances runs all of them.
	Nodes []string   `json:"nodes"`
	ASN   uint32     `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers []NodePeer `json:"peers"`
	// Port is the TCP port of the instance on the nodes, for peers that open the session; default: none, the nodes open the
	// sessions.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535"`
}

// At returns the speakers of a node, each with the peers of this node.
func (n *NodeSpeaker) At(node string) []NodeInstance {
	var all []NodeInstance
	add := func(in NodeInstance) {
		in.Nodes = nil
		in.Peers = slices.DeleteFunc(slices.Clone(in.Peers), func(p NodePeer) bool { return p.Nodes != nil && !slices.Contains(p.Nodes, node) })
		all = append(all, in)
	}
	for _, in := range n.Instances {
		if slices.Contains(in.Nodes, node) {
			add(in)
		}
	}
	if all == nil && n.ASN != 0 {
		add(NodeInstance{ASN: n.ASN, Peers: n.Peers})
	}
	return all
}

// AllPeers returns the peers of the nodes and of all instances.
func (n *NodeSpeaker) AllPeers() []NodePeer {
	all := slices.Clone(n.Peers)
	for _, in := range n.Instances {
		all = append(all, in.Peers...)
	}
	return all
}

// ASNs returns the AS numbers, each once, of those nodes among the given that peer with a router.
func (n *NodeSpeaker) ASNs(router string, nodes []string) []uint32 {
	var all []uint32
	if n == nil {
		return nil
	}
	for _, node := range nodes {
		for _, in := range n.At(node) {
			if slices.ContainsFunc(in.Peers, func(p NodePeer) bool { return p.Router == router }) && !slices.Contains(all, in.ASN) {
				all = append(all, in.ASN)
			}
		}
	}
	return all
}

// Sessions returns the number of sessions that the given nodes open to a router over a family. Each node of the user's own
// speaker, nil, opens a session.
func (n *NodeSpeaker) Sessions(router string, nodes []string, family func(NodePeer) bool) int {
	sessions := 0
	if n == nil {
		return len(nodes)
	}
	for _, node := range nodes {
		for _, in := range n.At(node) {
			for _, p := range in.Peers {
				if p.Router == router && family(p) {
					sessions++
				}
			}
		}
	}
	return sessions
}

// place returns the path of each list of peers, with the list.
func (n *NodeSpeaker) place(do func(path string, peers []NodePeer)) {
	do(n.Path+".peers", n.Peers)
	for i, in := range n.Instances {
		do(fmt.Sprintf("%s.instances[%d].peers", n.Path, i), in.Peers)
	}
}
