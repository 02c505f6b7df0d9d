package scenario

import (
	"fmt"
	"net/netip"
)

// DualStack reports whether pods and services have an IPv6 address beside their IPv4 one.
func (s *Spec) DualStack() bool { return s.Cluster != nil && s.Cluster.IPFamily == DualFamily }

// IPv6 reports whether the lab's networks have an IPv6 prefix: where the cluster is dual-stack, and, without a cluster,
// where a network is given one.
func (s *Spec) IPv6() bool {
	if s.Cluster != nil {
		return s.DualStack()
	}
	for _, n := range s.Networks {
		if n.IPv6 != nil {
			return true
		}
	}
	return false
}

// ipFamily checks what the IP family wants of the cluster's prefixes and of its provider.
func (v *validator) ipFamily(path string, c *Cluster) {
	if c.IPFamily == IPv6Family {
		// Routers name themselves by an IPv4 address, and the plan's addresses are IPv4 ones with IPv6 ones beside them.
		v.notYet(path+".ipFamily", c.IPFamily, "dual, which has all that ipv6 has, or ipv4")
		return
	}
	if c.IPFamily != DualFamily {
		for _, f := range []struct {
			name   string
			prefix netip.Prefix
		}{{"podCIDR6", c.PodCIDR6}, {"serviceCIDR6", c.ServiceCIDR6}} {
			if f.prefix.IsValid() {
				v.add(path+"."+f.name, "seen %s with ipFamily %s, want ipFamily dual", f.prefix, c.IPFamily)
			}
		}
		v.onlyIPv4()
		return
	}
	// The controller manager hands out a /64 to each node, of at most 16 bits more than the prefix has; the API server
	// takes at most 20 bits of service addresses.
	nodes := len(v.spec.NodeNames())
	if bits := c.PodCIDR6.Bits(); c.PodCIDR6.IsValid() && (bits < 48 || bits > 64 || nodes > 1<<(64-bits)) {
		v.add(path+".podCIDR6", "seen %s, want /48 to /64 with a /64 for each of %d nodes", c.PodCIDR6, nodes)
	}
	if bits := c.ServiceCIDR6.Bits(); c.ServiceCIDR6.IsValid() && (bits < 108 || bits > 124) {
		v.add(path+".serviceCIDR6", "seen %s, want a prefix from /108 to /124", c.ServiceCIDR6)
	}
	if c.Provider != ProviderKind {
		v.notYet(path+".ipFamily", fmt.Sprintf("dual with provider %s", c.Provider), ProviderKind)
	}
}

// routers6 checks that the routers of a lab with IPv6 are of a software that is told of it.
func (v *validator) routers6() {
	if !v.spec.IPv6() {
		return
	}
	for i, r := range v.spec.Routers {
		if r.Software != FRR {
			v.notYet(fmt.Sprintf("spec.routers[%d].software", i), string(r.Software)+" in a lab with IPv6", FRR)
		}
	}
}

// onlyIPv4 checks that a cluster without IPv6 is asked for no IPv6 address.
func (v *validator) onlyIPv4() {
	refuse := func(path string, a fmt.Stringer) {
		v.add(path, "seen %s in a cluster of ipFamily ipv4, want ipFamily dual", a)
	}
	for i, n := range v.spec.Networks {
		if n.IPv6 != nil {
			refuse(fmt.Sprintf("spec.networks[%d].ipv6", i), n.IPv6)
		}
	}
	if c, path := v.spec.cilium(); c != nil {
		for i, p := range c.LoadBalancerPools {
			if p.Addr().Is6() {
				refuse(fmt.Sprintf("%s.loadBalancerPools[%d]", path, i), p)
			}
		}
	}
	for i, w := range v.spec.Workloads {
		if w.Echo == nil {
			continue
		}
		for j, a := range w.Echo.Service.ExternalIPs {
			if a.Is6() {
				refuse(fmt.Sprintf("spec.workloads[%d].echo.service.externalIPs[%d]", i, j), a)
			}
		}
	}
}

// spans6 adds the IPv6 prefixes of networks and cluster to those that must not overlap.
func (v *validator) spans6(add func(path, what string, p netip.Prefix)) {
	for i, n := range v.spec.Networks {
		path := fmt.Sprintf("spec.networks[%d].ipv6", i)
		switch {
		case n.IPv6 == nil || v.form.has(path):
		case n.IPv6.Bits() != 64:
			v.add(path, "seen %s, want a /64", n.IPv6)
		default:
			add(path, "network "+n.Name, *n.IPv6)
		}
	}
	if c := v.spec.Cluster; c != nil && c.IPFamily == DualFamily {
		add("spec.cluster.podCIDR6", "podCIDR6", c.PodCIDR6)
		add("spec.cluster.serviceCIDR6", "serviceCIDR6", c.ServiceCIDR6)
	}
}
