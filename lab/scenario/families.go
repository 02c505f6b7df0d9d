package scenario

import (
	"fmt"
	"net/netip"
	"slices"
)

// V4 reports whether pods and services have IPv4 addresses.
func (f IPFamily) V4() bool { return f != IPv6Family }

// V6 reports whether pods and services have IPv6 addresses.
func (f IPFamily) V6() bool { return f == IPv6Family || f == DualFamily }

// PodCIDRs returns the prefixes of pods, one for each IP family.
func (c *Cluster) PodCIDRs() (all []netip.Prefix) {
	if c.IPFamily.V4() {
		all = append(all, c.PodCIDR)
	}
	if c.IPFamily.V6() {
		all = append(all, c.PodCIDR6)
	}
	return all
}

// DualStack reports whether pods and services have both an IPv4 and an IPv6 address.
func (s *Spec) DualStack() bool { return s.Cluster != nil && s.Cluster.IPFamily == DualFamily }

// IPv4 reports whether BGP carries IPv4 routes. Only a cluster without IPv4 turns IPv4 routes off. The lab's networks always
// have an IPv4 prefix, because engines require a prefix, and BGP names routers by IPv4 addresses.
func (s *Spec) IPv4() bool { return s.Cluster == nil || s.Cluster.IPFamily.V4() }

// IPv6 reports whether the lab's networks have an IPv6 prefix and BGP carries IPv6 routes. With a cluster, the cluster's IP
// family decides. Without a cluster, one network with an IPv6 prefix is enough.
func (s *Spec) IPv6() bool {
	if s.Cluster != nil {
		return s.Cluster.IPFamily.V6()
	}
	for _, n := range s.Networks {
		if n.IPv6 != nil {
			return true
		}
	}
	return false
}

// OverIPv6 reports whether the only session with another router runs over IPv6.
func (o SessionOptions) OverIPv6() bool {
	return o.ExtendedNextHop || slices.Equal(o.Families, []IPFamily{IPv6Family})
}

// extendedNextHop checks IPv4 routes with IPv6 next hops, and sessions over an interface.
func (v *Validation) extendedNextHop(at string, r *Router, p Peer) {
	if !p.ExtendedNextHop {
		return
	}
	field := at + ".extendedNextHop"
	if p.Unnumbered != nil {
		field = at + ".unnumbered"
	}
	switch {
	case p.waits():
		v.Add(field, "seen it for peers that dial, want it for a router or an address")
	case !v.spec.IPv6():
		v.Add(field, "seen it in a lab without IPv6, want a network with ipv6")
	case !slices.Contains(p.Families, IPv4Family):
		v.Add(field, "seen it in a session without IPv4 routes, want ipv4 among families")
	case p.Address.Is4():
		v.Add(field, "seen it in a session over IPv4, want an IPv6 address")
	}
	if p.Unnumbered == nil {
		return
	}
	at = field + ".network"
	switch other := v.spec.Router(p.Router); {
	case !v.Network(at, p.Unnumbered.Network):
	case p.Router == "":
		v.Add(field, "seen it without a router, want a peer entry {router: NAME}")
	case !v.spec.IsPointToPoint(p.Unnumbered.Network):
		v.Add(at, "seen %q, want a network with pointToPoint", p.Unnumbered.Network)
	case !v.on(r, p.Unnumbered.Network) || other != nil && !v.on(other, p.Unnumbered.Network):
		v.Add(at, "seen %q, want a link between %s and %s", p.Unnumbered.Network, r.Name, p.Router)
	}
	for name, set := range map[string]bool{"loopback": p.Loopback, "updateSource": p.UpdateSource != "", "multihop": p.Multihop != 0, "ttlSecurity": p.TTLSecurity != 0} {
		if set {
			v.Add(at, "seen it beside %s, want one of them", name)
		}
	}
}

// families checks the families of a router's session.
func (v *Validation) families(at string, p Peer) {
	if p.Families == nil {
		return
	}
	if p.isNodes() {
		v.Add(at+".families", "seen it for nodes, want it in the peers of the nodes' speaker")
		return
	}
	v.eachFamily(at+".families", p.Families)
}

// eachFamily checks a list of families against the families of the lab.
func (v *Validation) eachFamily(at string, families []IPFamily) {
	v.NotEmpty(at, len(families))
	var all []string
	for i, f := range families {
		all = append(all, string(f))
		switch c := v.spec.Cluster; {
		case f == DualFamily:
			v.Add(fmt.Sprintf("%s[%d]", at, i), "seen dual, want ipv4 and ipv6")
		case c != nil && (f == IPv4Family && !c.IPFamily.V4() || f == IPv6Family && !c.IPFamily.V6()):
			v.Add(fmt.Sprintf("%s[%d]", at, i), "seen %s in a cluster of ipFamily %s, want its family, or ipFamily dual", f, c.IPFamily)
		case f == IPv6Family && !v.spec.IPv6():
			v.Add(fmt.Sprintf("%s[%d]", at, i), "seen ipv6 in a lab without IPv6, want a network with ipv6")
		}
	}
	v.Repeated(at, all)
}

// ipFamily checks the cluster's prefixes and provider against the IP family.
func (v *Validation) ipFamily(path string, c *Cluster) {
	v.otherFamily(path, c)
	if !c.IPFamily.V6() {
		return
	}
	// The controller manager gives each node a /64. These /64 prefixes extend the pod prefix by at most 16 bits. The API
	// server accepts at most 20 bits of service addresses.
	nodes := len(v.spec.NodeNames())
	if bits := c.PodCIDR6.Bits(); c.PodCIDR6.IsValid() && (bits < 48 || bits > 64 || nodes > 1<<(64-bits)) {
		v.Add(path+".podCIDR6", "seen %s, want /48 to /64 with a /64 for each of %d nodes", c.PodCIDR6, nodes)
	}
	if bits := c.ServiceCIDR6.Bits(); c.ServiceCIDR6.IsValid() && (bits < 108 || bits > 124) {
		v.Add(path+".serviceCIDR6", "seen %s, want a prefix from /108 to /124", c.ServiceCIDR6)
	}
	if c.Provider != ProviderKind {
		v.NotYet(path+".ipFamily", fmt.Sprintf("%s with provider %s", c.IPFamily, c.Provider), ProviderKind)
	}
	if !c.IPFamily.V4() {
		v.withoutIPv4(path, c)
	}
}

// withoutIPv4 checks that a cluster without IPv4 has no part with IPv4 addresses.
func (v *Validation) withoutIPv4(path string, c *Cluster) {
	if c.APIEndpoint != nil {
		v.NotYet(path+".apiEndpoint", fmt.Sprintf("an endpoint, or several control planes, with ipFamily %s", c.IPFamily), "one control plane, or ipFamily dual")
	}
}

// otherFamily checks that no address belongs to a family that the cluster lacks.
func (v *Validation) otherFamily(path string, c *Cluster) {
	refuse := func(path string, a netip.Addr, written fmt.Stringer, want string) {
		if a.Is4() && !c.IPFamily.V4() || a.Is6() && !c.IPFamily.V6() {
			v.Add(path, "seen %s in a cluster of ipFamily %s, want %s or ipFamily dual", written, c.IPFamily, want)
		}
	}
	own := "IPv4 instead"
	if c.IPFamily.V6() {
		own = "IPv6 instead"
	}
	refuse(path+".podCIDR", c.PodCIDR.Addr(), c.PodCIDR, "podCIDR6")
	refuse(path+".serviceCIDR", c.ServiceCIDR.Addr(), c.ServiceCIDR, "serviceCIDR6")
	refuse(path+".podCIDR6", c.PodCIDR6.Addr(), c.PodCIDR6, "podCIDR")
	refuse(path+".serviceCIDR6", c.ServiceCIDR6.Addr(), c.ServiceCIDR6, "serviceCIDR")
	for i, n := range v.spec.Networks {
		if n.IPv6 != nil {
			refuse(fmt.Sprintf("spec.networks[%d].ipv6", i), n.IPv6.Addr(), n.IPv6, "ipv4 alone")
		}
	}
	for i, a := range v.spec.Addons {
		field, pools := a.Pools()
		for j, p := range pools {
			if first, _, ok := p.Bounds(); ok {
				refuse(fmt.Sprintf("spec.addons[%d].%s.%s[%d]", i, a.Name, field, j), first, p, own)
			}
		}
	}
	for i, w := range v.spec.Workloads {
		if w.Echo == nil {
			continue
		}
		at := fmt.Sprintf("spec.workloads[%d].echo.service", i)
		for j, a := range w.Echo.Service.ExternalIPs {
			refuse(fmt.Sprintf("%s.externalIPs[%d]", at, j), a, a, own)
		}
		if a := w.Echo.Service.LoadBalancerIP; a != nil {
			refuse(at+".loadBalancerIP", *a, a, own)
		}
	}
}

// spans6 adds the IPv6 prefixes of networks and cluster to the prefixes that must not overlap.
func (v *Validation) spans6(add func(path, what string, p netip.Prefix)) {
	for i, n := range v.spec.Networks {
		path := fmt.Sprintf("spec.networks[%d].ipv6", i)
		switch {
		case n.IPv6 == nil || v.form.has(path):
		case v.length(path, n, *n.IPv6):
			add(path, "network "+n.Name, *n.IPv6)
		}
	}
	if c := v.spec.Cluster; c != nil && c.IPFamily.V6() {
		add("spec.cluster.podCIDR6", "podCIDR6", c.PodCIDR6)
		add("spec.cluster.serviceCIDR6", "serviceCIDR6", c.ServiceCIDR6)
	}
}
