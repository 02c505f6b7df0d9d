package scenario

import (
	"net/netip"
	"slices"
	"time"
)

// What a scenario means where it says nothing.
const (
	DefaultKubernetes     = "v1.36"
	DefaultCilium         = "1.19.5"
	DefaultWorkers        = 2
	DefaultHoldTime       = Duration(9 * time.Second)
	DefaultMaximumPaths   = 16
	DefaultAdvertInterval = Duration(100 * time.Millisecond)
	DefaultWithin         = Duration(30 * time.Second)
)

// or sets *v to the default when it is unset.
func or[T comparable](v *T, def T) {
	var unset T
	if *v == unset {
		*v = def
	}
}

// setDefaults fills in what the file left out. It is idempotent.
func (s *Scenario) setDefaults() {
	spec := &s.Spec
	if c := spec.Cluster; c != nil {
		c.setDefaults(spec.Networks)
	}
	for i := range spec.Addons {
		spec.Addons[i].setDefaults(spec)
	}
	for i := range spec.Routers {
		spec.Routers[i].setDefaults(spec)
	}
	for i := range spec.Gateways {
		or(&spec.Gateways[i].Protocol, "vrrp")
		or(&spec.Gateways[i].AdvertInterval, DefaultAdvertInterval)
	}
	for i := range spec.Workloads {
		if e := spec.Workloads[i].Echo; e != nil {
			e.setDefaults()
		}
	}
	for i := range spec.Checks {
		spec.Checks[i].setDefaults(spec)
	}
	if s.Bug != nil {
		s.Bug.setDefaults()
	}
}

func (c *Cluster) setDefaults(networks []Network) {
	or(&c.Provider, ProviderKind)
	c.k3sDefaults()
	or(&c.Kubernetes, DefaultKubernetes)
	or(&c.ControlPlanes, 1)
	if c.Workers == nil {
		workers := DefaultWorkers
		c.Workers = &workers
	}
	or(&c.KubeProxy, KubeProxyNone)
	or(&c.IPFamily, IPv4Family)
	if c.IPFamily.V4() {
		or(&c.PodCIDR, netip.MustParsePrefix("10.244.0.0/16"))
		or(&c.ServiceCIDR, netip.MustParsePrefix("10.96.0.0/16"))
	}
	if c.IPFamily.V6() {
		or(&c.PodCIDR6, netip.MustParsePrefix("fd00:10:244::/56"))
		or(&c.ServiceCIDR6, netip.MustParsePrefix("fd00:10:96::/112"))
	}
	if len(networks) > 0 {
		or(&c.Network, networks[0].Name)
	}
	if c.APIEndpoint == nil && c.ControlPlanes > 1 && c.Provider == ProviderKind {
		c.APIEndpoint = &APIEndpoint{}
	}
	if c.APIEndpoint != nil {
		c.APIEndpoint.setDefaults()
	}
}

func (c *Cilium) setDefaults(s *Spec) {
	or(&c.Version, DefaultCilium)
	others := slices.ContainsFunc(s.Addons, func(a Addon) bool { return a.Cilium == nil && slices.Contains(a.Roles(), RoleLoadBalancer) })
	if c.LoadBalancerPools == nil && !others {
		if s.IPv4() {
			c.LoadBalancerPools = defaultPool()
		}
		if s.IPv6() {
			c.LoadBalancerPools = append(c.LoadBalancerPools, netip.MustParsePrefix("2001:db8:198:51::/112"))
		}
	}
	if b := c.BGP; b != nil {
		or(&b.HoldTime, DefaultHoldTime)
		if b.Advertise == nil {
			b.Advertise = []Advertisement{AdvertisePodCIDR, AdvertiseClusterIP, AdvertiseExternalIP, AdvertiseLoadBalancer}
		}
	}
	if l := c.L2; l != nil {
		// The chart's own defaults.
		or(&l.LeaseDuration, Duration(15*time.Second))
		or(&l.LeaseRenewDeadline, Duration(5*time.Second))
		or(&l.LeaseRetryPeriod, Duration(2*time.Second))
	}
}

func (r *Router) setDefaults(spec *Spec) {
	or(&r.Software, FRR)
	if r.BGP == nil {
		return
	}
	or(&r.BGP.HoldTime, DefaultHoldTime)
	or(&r.BGP.MaximumPaths, DefaultMaximumPaths)
	for i := range r.BGP.Peers {
		p := &r.BGP.Peers[i]
		p.BFD.setDefaults()
		if other := spec.Router(p.Router); other != nil && other.BGP != nil {
			or(&p.ASN, other.BGP.ASN)
		}
		if n := spec.NodeSpeaker(); p.Nodes != "" && n != nil {
			or(&p.ASN, n.ASN)
		}
	}
}

func (e *Echo) setDefaults() {
	or(&e.Name, "echo")
	or(&e.Replicas, 2)
	or(&e.Service.Type, "LoadBalancer")
	or(&e.Service.ExternalTrafficPolicy, "Cluster")
	or(&e.Service.InternalTrafficPolicy, "Cluster")
}

func (c *Check) setDefaults(spec *Spec) {
	first := ""
	if len(spec.Workloads) > 0 && spec.Workloads[0].Echo != nil {
		first = spec.Workloads[0].Echo.Name
	}
	if p := c.probe(); p != nil {
		p.setDefaults(first)
	}
	if c.API != nil {
		c.API.setDefaults()
	}
	if c.Join != nil {
		c.Join.setDefaults(spec)
	}
	c.inside(first)
	if f := c.Failover; f != nil {
		or(&f.Measure, MeasureInject)
	}
	if r := c.Reach; r != nil {
		or(&r.Workload, first)
		or(&r.Source, "client")
		or(&r.Within, DefaultWithin)
	}
	if f := c.Flows; f != nil {
		f.setDefaults(first)
	}
	if s := c.Sessions; s != nil {
		or(&s.Within, DefaultWithin)
	}
	if r := c.Routes; r != nil {
		or(&r.Workload, first)
		or(&r.NextHops, 1)
		or(&r.Within, DefaultWithin)
		if r.Routers == nil {
			for _, router := range spec.Routers {
				if router.BGP != nil {
					r.Routers = append(r.Routers, router.Name)
				}
			}
		}
	}
}
