package metallb

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// ttl is the only TTL of external sessions beyond one hop: MetalLB's ebgpMultiHop has no number, and FRR takes 255.
const ttl = 255

// highestPort is the highest port of a peer in MetalLB's resource.
const highestPort = 16384

// Validate checks the fields.
func (m *Addon) Validate(v *scenario.Validation, path string) {
	v.Release(path+".version", m.Version, defaultVersion)
	v.NotEmpty(path+".pools", len(m.Pools))
	v.LoadBalancerPools(path+".pools", m.Pools)
	if m.L2 == nil && m.BGP == nil {
		v.Add(path, "seen neither l2 nor bgp, want one of them: else nobody learns where an address is")
	}
	if l := m.L2; l != nil {
		v.Nodes(path+".l2.nodes", l.Nodes)
		v.PoolNames(path+".l2.pools", l.Pools)
		if l.Interfaces != nil {
			v.NotEmpty(path+".l2.interfaces", len(l.Interfaces))
		}
		v.Repeated(path+".l2.interfaces", l.Interfaces)
		for i, name := range l.Interfaces {
			v.Label(fmt.Sprintf("%s.l2.interfaces[%d]", path, i), name)
		}
	}
	b := m.BGP
	if b == nil {
		return
	}
	at := path + ".bgp"
	v.Speaks(at, m.NodeSpeaker())
	if b.Advertise != nil {
		v.Advertised(at+".advertise", b.Advertise, b.abilities())
		b.announcements(v, at+".advertise", b.Advertise)
	}
	for i, peers := range b.lists() {
		list := at + ".peers"
		if i > 0 {
			list = fmt.Sprintf("%s.instances[%d].peers", at, i-1)
		}
		for j, p := range peers {
			b.peer(v, fmt.Sprintf("%s[%d]", list, j), p)
		}
	}
	if b.Backend == nativeBackend {
		m.native(v, path)
	} else {
		b.frr(v, at)
	}
	if _, ok := frrK8sVersions[m.Version]; b.Backend == frrK8sBackend && !ok {
		v.Add(path+".version", "seen %q with backend frr-k8s, want one of %s, whose version of frr-k8s is known", m.Version,
			strings.Join(slices.Sorted(maps.Keys(frrK8sVersions)), ", "))
	}
}

// announcements checks announcements: only LoadBalancer addresses, and the backend's communities.
func (b *BGP) announcements(v *scenario.Validation, path string, all []scenario.Announcement) {
	for i, a := range all {
		if a.Kind != "" && a.Kind != scenario.AdvertiseLoadBalancer {
			v.Add(fmt.Sprintf("%s[%d].kind", path, i), "seen %s, want loadBalancerIP, the only addresses that MetalLB announces", a.Kind)
		}
		for j, c := range a.Communities {
			if b.Backend == nativeBackend && c.Large() {
				v.Add(fmt.Sprintf("%s[%d].communities[%d]", path, i, j), "seen the large community %s (RFC 8092) with backend native, want one of RFC 1997, or backend frr", c)
			}
		}
	}
}

// peer checks a peer's settings that MetalLB has only in part.
func (b *BGP) peer(v *scenario.Validation, at string, p scenario.NodePeer) {
	b.announcements(v, at+".advertise", p.Advertise)
	if p.Port > highestPort {
		v.Add(at+".port", "seen %d, want at most %d, the highest port of MetalLB's BGPPeer", p.Port, highestPort)
	}
	if p.Multihop != 0 && p.Multihop != ttl {
		v.Add(at+".multihop", "seen %d, want %d: MetalLB's ebgpMultiHop has no number, and FRR takes this TTL", p.Multihop, ttl)
	}
	if r := p.GracefulRestart; r != nil && r.RestartTime != 0 {
		v.Add(at+".gracefulRestart.restartTime", "seen %s, want none: MetalLB leaves FRR's default", r.RestartTime)
	}
	if t := p.Timers; t != nil && b.Backend == nativeBackend {
		for _, o := range []struct {
			field string
			is    scenario.Duration
		}{{"keepalive", t.Keepalive}, {"connectRetry", t.ConnectRetry}} {
			if o.is != 0 {
				v.Add(at+".timers."+o.field, "seen %s with backend native, which has the hold time alone, want backend frr", o.is)
			}
		}
	}
}

// native checks what the native backend lacks: IPv6, and graceful restart.
func (m *Addon) native(v *scenario.Validation, path string) {
	v.NeedsIPv4(path+".bgp.backend", "metallb with backend native")
	if m.BGP.GracefulRestart {
		v.Add(path+".bgp.gracefulRestart", "seen true with backend native, which has none, want backend frr")
	}
	for i, p := range m.Pools {
		if first, _, ok := p.Bounds(); ok && first.Is6() {
			v.Add(fmt.Sprintf("%s.pools[%d]", path, i), "seen %s with backend native, which announces IPv4 alone, want backend frr", p)
		}
	}
	for i, peers := range m.BGP.lists() {
		at := path + ".bgp.peers"
		if i > 0 {
			at = fmt.Sprintf("%s.bgp.instances[%d].peers", path, i-1)
		}
		for j, p := range peers {
			for k, f := range p.Families {
				if f == scenario.IPv6Family {
					v.Add(fmt.Sprintf("%s[%d].families[%d]", at, j, k), "seen ipv6 with backend native, which announces IPv4 alone, want backend frr")
				}
			}
		}
	}
}

// frr checks what the backends with FRR lack: one ASN for all nodes, and one entry for the address of a peer.
func (b *BGP) frr(v *scenario.Validation, at string) {
	if len(b.Instances) > 0 {
		v.Add(at+".instances", "seen it with backend %s, which has one ASN on all nodes, want backend native, or peers with nodes", b.Backend)
	}
	seen := map[string]bool{}
	for i, p := range b.Peers {
		if name := p.Name(); name != "" && seen[name] {
			v.Add(fmt.Sprintf("%s.peers[%d]", at, i), "seen %q again with backend %s, which has one entry for a peer, want all its nodes in one entry, or backend native", name, b.Backend)
		}
		seen[p.Name()] = true
	}
}
