package scenario

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// NodeAbilities are the settings of peers and announcements that only some speakers of nodes have.
type NodeAbilities uint32

// The settings.
const (
	NodePassword NodeAbilities = 1 << iota
	// NodeSelection: a peer for some of the nodes.
	NodeSelection
	NodeFamilies
	NodeMultihop
	NodePort
	NodeSource
	NodeTiming
	// NodeRestarting and NodeBFD: graceful restart and BFD for each peer.
	NodeRestarting
	NodeBFD
	// NodeAdvertising: announcements for each peer.
	NodeAdvertising
	NodeDiscovery
	// NodeAddress: a peer that is no router of the scenario.
	NodeAddress
	// NodeAttributes: communities and a local preference on announced routes.
	NodeAttributes
	// NodeServices: announcements of the Services with some labels.
	NodeServices
	// NodePools: announcements of the addresses of some pools.
	NodePools
	NodeSourceAddress
	// NodeAnnouncing: announcements by some of the nodes.
	NodeAnnouncing
	// NodeAggregation: announcements of shorter prefixes than single addresses.
	NodeAggregation
	// NodePodPools: announcements of pools of pod addresses.
	NodePodPools
)

// Speaks checks the speaker of the nodes at a path: the AS numbers, the hold time and the peers.
func (v *Validation) Speaks(path string, n *NodeSpeaker) {
	n.Path = path
	v.holdTime(path+".holdTime", n.HoldTime)
	if len(n.Instances) == 0 {
		v.NotEmpty(path+".peers", len(n.Peers))
	}
	v.NodePeers(path, n)
}

// NodePeers checks the AS numbers and the peers of all nodes.
func (v *Validation) NodePeers(path string, n *NodeSpeaker) {
	n.Path = path
	rest := v.instances(n)
	switch {
	case rest && n.ASN == 0:
		v.Add(path+".asn", "seen nothing, want a whole number from 1 to 4294967295")
	case n.ASN != 0:
		v.ASN(path+".asn", n.ASN)
	}
	if !rest && (n.ASN != 0 || n.Peers != nil) {
		v.Add(path+".asn", "seen an ASN or peers, but every node is in %s.instances, want neither", path)
	}
	v.nodePeers(n, path+".peers", n.Peers, n.ASN)
	for i, in := range n.Instances {
		v.nodePeers(n, fmt.Sprintf("%s.instances[%d].peers", path, i), in.Peers, in.ASN)
	}
	v.onePeerEach(n)
}

// instances checks the instances, and reports whether there are nodes outside of all instances.
func (v *Validation) instances(n *NodeSpeaker) (rest bool) {
	names, asns := map[string]string{}, map[string]bool{}
	left := v.spec.NodeNames()
	for i, in := range n.Instances {
		at := fmt.Sprintf("%s.instances[%d]", n.Path, i)
		v.Label(at+".name", in.Name)
		v.ASN(at+".asn", in.ASN)
		v.NotEmpty(at+".nodes", len(in.Nodes))
		v.NotEmpty(at+".peers", len(in.Peers))
		v.Nodes(at+".nodes", in.Nodes)
		for _, node := range in.Nodes {
			left = slices.DeleteFunc(left, func(other string) bool { return other == node })
			if first, ok := names[node+"/"+in.Name]; ok {
				v.Add(at+".name", "seen %q, the name of another instance of %s (%s), want a name of its own", in.Name, node, first)
			}
			if key := fmt.Sprintf("%s/%d", node, in.ASN); asns[key] {
				v.Add(at+".asn", "seen %d twice for node %s, want another ASN, or one instance with all peers", in.ASN, node)
			} else {
				asns[key] = true
			}
			names[node+"/"+in.Name] = at
		}
	}
	return len(left) > 0 || v.spec.Cluster == nil
}

// nodePeers checks a list of peers of nodes with an ASN: each router exists, is in reach and expects the nodes, and each setting
// is known to the speaker.
func (v *Validation) nodePeers(n *NodeSpeaker, path string, peers []NodePeer, asn uint32) {
	for j, p := range peers {
		at := fmt.Sprintf("%s[%d]", path, j)
		if p.Router == "" && p.Address == nil && v.Malformed(at) || !v.ExactlyOne(at, "router, address", p.Router != "", p.Address != nil) {
			continue
		}
		v.Nodes(at+".nodes", p.Nodes)
		peerASN := p.ASN
		if p.Address != nil {
			v.nodeAddress(at, p)
			if p.OneSided {
				v.Add(at+".oneSided", "seen it beside an address, want it left out: the other end is not checked")
			}
		} else if r := v.nodeRouter(at, p); r != nil {
			Or(&peerASN, r.BGP.ASN)
			v.nodeEnds(at, r, p)
		} else if r := v.spec.Router(p.Router); r != nil && r.BGP != nil {
			Or(&peerASN, r.BGP.ASN)
		}
		if p.Multihop != 0 && peerASN == asn && asn != 0 {
			v.Add(at+".multihop", "seen it for a peer of ASN %d, want an external peer, of another ASN than the nodes'", asn)
		}
		if p.Loopback && p.Multihop == 0 && peerASN != asn && n.Can&NodeMultihop != 0 {
			v.Add(at+".loopback", "seen it for an external peer without multihop, want multihop of 2 or more")
		}
		v.nodeSettings(at, n, p)
	}
}

// nodeAddress checks a peer that is no router of the scenario.
func (v *Validation) nodeAddress(at string, p NodePeer) {
	if p.ASN == 0 {
		v.Add(at+".asn", "seen nothing, want the ASN of %s", p.Address)
	}
	if p.AutoDiscovery {
		v.Add(at+".autoDiscovery", "seen it beside an address, want one of them")
	}
	if c := v.spec.Cluster; c != nil && (p.Address.Is4() && !c.IPFamily.V4() || p.Address.Is6() && !c.IPFamily.V6()) {
		v.Add(at+".address", "seen %s in a cluster of ipFamily %s, want an address of its family", p.Address, c.IPFamily)
	}
}

// nodeRouter checks that a router exists, is in reach of its nodes and expects the nodes. nil means that the router does not
// speak BGP with nodes.
func (v *Validation) nodeRouter(at string, p NodePeer) *Router {
	r, c := v.spec.Router(p.Router), v.spec.Cluster
	expects := r != nil && r.BGP.LearnsFromNodes()
	switch {
	case r == nil:
		v.Unknown(at, p.Router, "router", v.routerNames())
		return nil
	case p.Loopback && (p.V4() && v.spec.IPv4() && !v.loops(r, false) || p.V6() && v.spec.IPv6() && !v.loops(r, true)):
		v.Add(at+".loopback", "seen it for %s, which lacks a loopback of a family of the session, want loopbacks of the router", p.Router)
	case p.Loopback && p.AutoDiscovery:
		v.Add(at+".autoDiscovery", "seen it beside loopback, want one of them")
	case !p.Loopback && c != nil && !slices.ContainsFunc(c.nodeNetworks(), func(n string) bool { return v.on(r, n) }):
		v.Add(at, "seen %q, which is not on the cluster's network %s, want a router that is, or a session with loopback", p.Router, list(c.nodeNetworks()))
	case !expects && !p.OneSided:
		v.Add(at, "seen %q, which has no peer entry such as {nodes: all} or {nodes: [worker]}, want both ends to peer, or oneSided: true", p.Router)
	case expects && p.OneSided:
		v.Add(at+".oneSided", "seen it for %s, which has a peer entry for nodes, want it left out", p.Router)
	case p.OneSided && r.BGP == nil && p.ASN == 0:
		v.Add(at+".asn", "seen nothing, want an ASN: router %s has none in bgp", p.Router)
	}
	if !expects {
		return nil
	}
	for i, node := range p.Nodes {
		if c == nil || !slices.Contains(v.spec.NodeNames(), node) {
			continue
		}
		if rack := c.RackOf(node); rack != nil && !v.on(r, rack.Network) {
			v.Add(fmt.Sprintf("%s.nodes[%d]", at, i), "seen %q, whose network %s router %s is not on, want a node in its reach", node, rack.Network, r.Name)
		}
	}
	if p.AutoDiscovery {
		v.discovery(at+".autoDiscovery", p)
	}
	return r
}

// loops reports whether a router has a loopback of an IP family.
func (v *Validation) loops(r *Router, v6 bool) bool {
	return slices.ContainsFunc(r.Loopbacks, func(p netip.Prefix) bool { return p.Addr().Is6() == v6 })
}

// discovery checks that the router is the default gateway of its nodes.
func (v *Validation) discovery(at string, p NodePeer) {
	c := v.spec.Cluster
	leads := func(r StaticRoute) bool { return r.To == DefaultRoute && r.Via == p.Router && r.Table == 0 }
	if c == nil || slices.ContainsFunc(c.Racks, func(r Rack) bool { return r.Router == p.Router }) ||
		slices.ContainsFunc(c.Nodes, func(n NodeSettings) bool { return slices.ContainsFunc(n.Routes, leads) }) {
		return
	}
	v.Add(at, "seen it for %s, which is no node's default gateway, want the router of a rack (spec.cluster.racks), or a default route of nodes (spec.cluster.nodes)", p.Router)
}

// nodeEnds checks the settings that both ends of a session between a node and a router must have. Passwords are not compared,
// because a wrong password is a fault that people look for.
func (v *Validation) nodeEnds(at string, r *Router, p NodePeer) {
	i := slices.IndexFunc(r.BGP.Peers, func(q Peer) bool { return q.isNodes() })
	back := r.BGP.Peers[i]
	if p.ASN != 0 && p.ASN != r.BGP.ASN {
		v.Add(at+".asn", "seen %d, want %d, the ASN of %s, or leave it out", p.ASN, r.BGP.ASN, r.Name)
	}
	for _, o := range []struct {
		field       string
		here, there bool
	}{{"bfd", p.BFD != nil, back.BFD != nil}, {"password", p.Password != "", back.Password != ""}, {"loopback", p.Loopback, back.Loopback}} {
		if o.here && !o.there {
			v.Add(at+"."+o.field, "seen it at this end only, want it in the peer entry {nodes: all} of %s too", r.Name)
		}
	}
	if p.Password == "" && back.Password != "" {
		v.Add(at, "seen no password, want one: the peer entry {nodes: all} of %s has a password", r.Name)
	}
}

// nodeSettings checks each setting of a peer alone, and that the speaker has the setting.
func (v *Validation) nodeSettings(at string, n *NodeSpeaker, p NodePeer) {
	for _, o := range []struct {
		field string
		set   bool
		need  NodeAbilities
	}{
		{"address", p.Address != nil, NodeAddress}, {"password", p.Password != "", NodePassword}, {"nodes", p.Nodes != nil, NodeSelection},
		{"families", p.Families != nil, NodeFamilies}, {"multihop", p.Multihop != 0, NodeMultihop}, {"port", p.Port != 0, NodePort},
		{"sourceInterface", p.SourceInterface != "", NodeSource}, {"sourceAddress", p.SourceAddress != nil, NodeSourceAddress}, {"timers", p.Timers != nil, NodeTiming},
		{"gracefulRestart", p.GracefulRestart != nil, NodeRestarting}, {"bfd", p.BFD != nil, NodeBFD},
		{"advertise", p.Advertise != nil, NodeAdvertising}, {"autoDiscovery", p.AutoDiscovery, NodeDiscovery},
	} {
		if o.set && n.Can&o.need == 0 {
			v.Add(at+"."+o.field, "seen it for the nodes' speaker, which has none for a single peer, want it left out")
		}
	}
	if p.Nodes != nil {
		v.NotEmpty(at+".nodes", len(p.Nodes))
	}
	if p.Password != "" {
		v.secret(at+".password", p.Password)
	}
	if p.BFD != nil {
		v.bfdTimes(at+".bfd", p.BFD)
		if far := p.Multihop != 0 || p.Loopback; far != p.BFD.Multihop {
			v.Add(at+".bfd.multihop", "seen %t, want %t, as the session has (multihop or loopback)", p.BFD.Multihop, far)
		}
	}
	if a := p.SourceAddress; a != nil {
		if len(p.Nodes) != 1 {
			v.Add(at+".sourceAddress", "seen an address for %d nodes, want nodes: [NODE], the node with the address", len(p.Nodes))
		}
		if f := p.Families; p.Address == nil && (len(f) != 1 || a.Is4() != (f[0] == IPv4Family)) || p.Address != nil && a.Is4() != p.Address.Is4() {
			v.Add(at+".sourceAddress", "seen %s, want a session over this address's family only", a)
		}
	}
	if p.Advertise != nil {
		v.Advertised(at+".advertise", p.Advertise, n.Can)
	}
	if p.Families != nil {
		v.eachFamily(at+".families", p.Families)
	}
	v.nodeTimes(at, p)
}

// nodeTimes checks the times of a session: whole seconds in the bounds of BGP.
func (v *Validation) nodeTimes(at string, p NodePeer) {
	if t := p.Timers; t != nil {
		if t.HoldTime != 0 {
			v.holdTime(at+".timers.holdTime", t.HoldTime)
		}
		for _, o := range []struct {
			field string
			is    Duration
			below Duration
		}{{"keepalive", t.Keepalive, t.HoldTime}, {"connectRetry", t.ConnectRetry, 0}} {
			switch d := o.is.Std(); {
			case d == 0:
			case d%time.Second != 0 || d > 65535*time.Second:
				v.Add(at+".timers."+o.field, "seen %s, want whole seconds from 1s to 65535s", o.is)
			case o.below != 0 && o.is >= o.below:
				v.Add(at+".timers."+o.field, "seen %s, want less than the hold time, %s", o.is, o.below)
			}
		}
	}
	if r := p.GracefulRestart; r != nil && r.RestartTime != 0 {
		if d := r.RestartTime.Std(); d%time.Second != 0 || d > 4095*time.Second {
			v.Add(at+".gracefulRestart.restartTime", "seen %s, want whole seconds from 1s to 4095s (RFC 4724, 3)", r.RestartTime)
		}
		if !r.Enabled {
			v.Add(at+".gracefulRestart.restartTime", "seen it without graceful restart, want enabled: true")
		}
	}
}

// onePeerEach checks that no node has two sessions with one peer: two speakers cannot peer from one address.
func (v *Validation) onePeerEach(n *NodeSpeaker) {
	first := map[string]string{}
	nodes := v.spec.NodeNames()
	n.place(func(path string, peers []NodePeer) {
		of := nodes
		for i, in := range n.Instances {
			if path == fmt.Sprintf("%s.instances[%d].peers", n.Path, i) {
				of = in.Nodes
			}
		}
		for j, p := range peers {
			at := fmt.Sprintf("%s[%d]", path, j)
			for _, node := range of {
				if p.Nodes != nil && !slices.Contains(p.Nodes, node) || path == n.Path+".peers" && n.instanced(node) || p.Name() == "" {
					continue
				}
				key := node + "/" + p.Name()
				if _, twice := first[key]; twice {
					v.Add(at, "seen %q twice, want it once", p.Name())
					break
				}
				first[key] = at
			}
		}
	})
}

func (n *NodeSpeaker) instanced(node string) bool {
	return slices.ContainsFunc(n.Instances, func(in NodeInstance) bool { return slices.Contains(in.Nodes, node) })
}

// Advertised checks a list of announcements, and that the speaker has each setting.
func (v *Validation) Advertised(path string, all []Announcement, can NodeAbilities) {
	v.NotEmpty(path, len(all))
	keys := map[string]bool{}
	for i, a := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		if a.Kind == "" {
			if !v.Malformed(at) {
				v.Add(at+".kind", "seen nothing, want one of: %s", strings.Join(EnumOf(reflect.TypeFor[Advertisement]()), ", "))
			}
			continue
		}
		key := fmt.Sprint(a.Kind, a.Selector, a.Pools, a.Nodes, a.AggregationLength, a.AggregationLengthV6)
		if keys[key] {
			v.Add(at, "seen %q twice, want it once", a.Kind)
		}
		keys[key] = true
		for _, o := range []struct {
			field string
			set   bool
			need  NodeAbilities
		}{
			{"kind", a.Kind == AdvertisePodPool, NodePodPools}, {"selector", a.Selector != nil, NodeServices}, {"pools", a.Pools != nil, NodePools},
			{"communities", a.Communities != nil, NodeAttributes}, {"localPref", a.LocalPref != nil, NodeAttributes},
			{"nodes", a.Nodes != nil, NodeAnnouncing}, {"aggregationLength", a.AggregationLength != 0, NodeAggregation},
			{"aggregationLengthV6", a.AggregationLengthV6 != 0, NodeAggregation},
		} {
			if o.set && can&o.need == 0 {
				v.Add(at+"."+o.field, "seen it for the nodes' speaker, which has none, want it left out")
			}
		}
		if a.Selector != nil && a.Kind == AdvertisePodCIDR {
			v.Add(at+".selector", "seen it for podCIDR, want it for addresses of Services")
		}
		if a.Pools != nil && a.Kind != AdvertiseLoadBalancer {
			v.Add(at+".pools", "seen it for %s, want it for loadBalancerIP", a.Kind)
		}
		v.Labels(at+".selector", a.Selector)
		v.PoolNames(at+".pools", a.Pools)
		v.Nodes(at+".nodes", a.Nodes)
		if (a.AggregationLength != 0 || a.AggregationLengthV6 != 0) && (a.Kind == AdvertisePodCIDR || a.Kind == AdvertisePodPool) {
			v.Add(at, "seen an aggregation length for %s, want it for addresses of Services", a.Kind)
		}
		v.Communities(at+".communities", a.Communities)
	}
}

// Communities checks communities of both forms.
func (v *Validation) Communities(path string, all []Community) {
	for i, c := range all {
		if !anyCommunity(c) {
			v.Add(fmt.Sprintf("%s[%d]", path, i), "seen %q, want two numbers up to 65535 such as 64512:100 (RFC 1997), or three such as 64512:1:2 (RFC 8092)", c)
		}
	}
}

// PoolNames checks that each name is the name of a pool.
func (v *Validation) PoolNames(path string, names []string) {
	var known []string
	for _, a := range v.spec.Addons {
		_, pools := a.Pools()
		for _, p := range pools {
			known = append(known, p.Name)
		}
	}
	v.Repeated(path, names)
	for i, name := range names {
		if !slices.Contains(known, name) {
			v.Unknown(fmt.Sprintf("%s[%d]", path, i), name, "pool", known)
		}
	}
}

// anyCommunity reports whether a community has the form of RFC 1997, or of RFC 8092.
func anyCommunity(c Community) bool {
	parts := strings.Split(string(c), ":")
	most := uint64(65535)
	if len(parts) == 3 {
		most = 1<<32 - 1
	}
	return (len(parts) == 2 || len(parts) == 3) && !slices.ContainsFunc(parts, func(s string) bool {
		n, err := strconv.ParseUint(s, 10, 64)
		return err != nil || n > most || s[0] == '+'
	})
}

// Large reports whether the community is a large community (RFC 8092).
func (c Community) Large() bool { return strings.Count(string(c), ":") == 2 }

var (
	labelName  = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$`)
)

// Labels checks the labels of a Kubernetes object, or of a selector.
func (v *Validation) Labels(path string, all map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !labelName.MatchString(name) || !labelValue.MatchString(all[name]) {
			v.Add(join(path, name), "seen %q: %q, want a label of Kubernetes such as tenant: red", shorten(name), shorten(all[name]))
		}
	}
}

// LoadBalancerPools checks the pools of an addon: the form, the names, and that every Service finds a pool.
func (v *Validation) LoadBalancerPools(path string, pools []Pool) {
	var names []string
	for i, p := range pools {
		at := fmt.Sprintf("%s[%d]", path, i)
		if v.Malformed(at) || !v.ExactlyOne(at, "cidr, range", p.CIDR.IsValid(), p.Range != "") {
			continue
		}
		if _, _, ok := p.Bounds(); !ok {
			v.Add(at+".range", "seen %q, want a first and a last address of one family such as 192.0.2.10-192.0.2.20", shorten(p.Range))
		}
		v.Label(at+".name", p.Name)
		v.Labels(at+".serviceSelector", p.ServiceSelector)
		if (p.ServiceSelector != nil || p.Namespaces != nil) && p.Name == "" {
			v.Add(at+".name", "seen a serviceSelector or namespaces without a name, want a name for the pool")
		}
		for j, n := range p.Namespaces {
			v.Label(fmt.Sprintf("%s.namespaces[%d]", at, j), n)
		}
		v.Repeated(at+".namespaces", p.Namespaces)
		names = append(names, p.Name)
		if same := slices.IndexFunc(pools[:i], func(q Pool) bool { return q.Name == p.Name && p.Name != "" }); same >= 0 && (!maps.Equal(pools[same].ServiceSelector, p.ServiceSelector) || !slices.Equal(pools[same].Namespaces, p.Namespaces)) {
			v.Add(at+".serviceSelector", "seen another selector than in %s[%d], the same pool %s, want one selector for a pool", path, same, p.Name)
		}
	}
	for i, w := range v.spec.Workloads {
		if e := w.Echo; e != nil && e.Service.Type == "LoadBalancer" && len(names) > 0 &&
			!slices.ContainsFunc(pools, func(p Pool) bool { return p.takes(e.Service.allLabels(e.Name)) }) {
			v.Add(fmt.Sprintf("spec.workloads[%d].echo.service", i), "seen labels that no pool of %s takes, want labels of a pool's serviceSelector", path)
		}
	}
}

// allLabels returns the labels of a workload's Service.
func (s Service) allLabels(workload string) map[string]string {
	all := map[string]string{"app.kubernetes.io/name": workload}
	maps.Copy(all, s.Labels)
	return all
}

// inside reports whether a span of LoadBalancer addresses may lie in a network: nodes announce the addresses by ARP, and the
// lab itself has none of them. The plan's scheme of addresses stands in lab/plan/networks.go.
func (v *Validation) inside(s, network span) bool {
	c := v.spec.Cluster
	if !s.vip || c == nil || !v.spec.AnnouncesByARP() || !slices.Contains(c.nodeNetworks(), network.network) {
		return false
	}
	if !network.prefix.Contains(s.prefix.Addr()) || s.prefix.Bits() < network.prefix.Bits() {
		return false
	}
	first, last := freeOf(network.prefix)
	own := netip.PrefixFrom(network.prefix.Addr(), ownBits(network.prefix))
	if s.prefix.Overlaps(own) && !v.found.has(s.path) && (s.prefix.Addr().Less(first) || last.Less(lastOf(s.prefix))) {
		v.Add(s.path, "seen %s inside network %s, with addresses that routers, nodes or clients of the lab get, want addresses from %s to %s", written(s.prefix), network.network, first, last)
	}
	return true
}

// ownBits is the length of the part of a network with the lab's own addresses.
func ownBits(network netip.Prefix) int {
	if network.Addr().Is4() {
		return 24
	}
	return 96
}

// NodesAddress checks an address on the cluster's network that no part of the lab gets.
func (v *Validation) NodesAddress(path string, a netip.Addr) {
	i := slices.IndexFunc(v.spec.Networks, func(n Network) bool { return v.spec.Cluster != nil && n.Name == v.spec.Cluster.Network })
	if i < 0 {
		return
	}
	n := v.spec.Networks[i]
	if n.IPv4 == nil {
		v.Add(path, "seen %s, but network %s has no prefix of its own, want ipv4 of the network", a, n.Name)
		return
	}
	if first, last := freeOf(*n.IPv4); a.Less(first) || last.Less(a) {
		v.Add(path, "seen %s, want an address from %s to %s of network %s, which no part of the lab has", a, first, last, n.Name)
	}
}

// freeOf returns the first and the last address of a network that no part of the lab gets.
func freeOf(network netip.Prefix) (first, last netip.Addr) {
	raw := network.Addr().AsSlice()
	if len(raw) == 4 {
		raw[3] = 128
		first, _ = netip.AddrFromSlice(raw)
		raw[3] = 191
		last, _ = netip.AddrFromSlice(raw)
		return first, last
	}
	raw[11] = 1
	first, _ = netip.AddrFromSlice(raw)
	return first, lastOf(network)
}
