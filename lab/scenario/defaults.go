package scenario

import (
	"net/netip"
	"reflect"
	"time"
)

// The defaults of a scenario.
const (
	DefaultKubernetes     = "v1.36"
	DefaultWorkers        = 2
	DefaultHoldTime       = Duration(9 * time.Second)
	DefaultMaximumPaths   = 16
	DefaultAdvertInterval = Duration(100 * time.Millisecond)
	DefaultWithin         = Duration(30 * time.Second)
)

// Or sets *v to the default if *v is unset.
func Or[T comparable](v *T, def T) {
	var unset T
	if *v == unset {
		*v = def
	}
}

// setDefaults fills in the fields that the file leaves out. A second call changes nothing.
func (s *Scenario) setDefaults() {
	spec := &s.Spec
	for i := range spec.Networks {
		spec.Networks[i].Bond.setDefaults()
	}
	for i := range spec.Workloads {
		if e := spec.Workloads[i].Echo; e != nil {
			e.setDefaults()
		}
	}
	if c := spec.Cluster; c != nil {
		c.setDefaults(spec.Networks)
		if c.Unseen() {
			return // the other defaults depend on the cluster
		}
		spec.expandGroups(reflect.ValueOf(spec))
	}
	for i := range spec.Addons {
		if spec.Cluster == nil || spec.Cluster.Provider != ProviderExisting { // the addons of a running cluster are as they are
			spec.Addons[i].setDefaults(spec)
		}
	}
	for i := range spec.Routers {
		if len(s.kinds.Routers) > 0 {
			Or(&spec.Routers[i].Software, Software(s.kinds.Routers[0].Name))
		}
		spec.Routers[i].setDefaults(spec)
	}
	for i := range spec.Gateways {
		spec.Gateways[i].setDefaults()
	}
	for i := range spec.Clients {
		if c := &spec.Clients[i]; len(c.Networks) > 0 {
			Or(&c.Network, c.Networks[0])
		}
	}
	for i := range spec.Checks {
		spec.Checks[i].setDefaults(spec)
	}
	if s.Bug != nil {
		s.Bug.setDefaults(spec)
	}
}

func (c *Cluster) setDefaults(networks []Network) {
	Or(&c.Provider, ProviderKind)
	if len(networks) > 0 {
		Or(&c.Network, networks[0].Name)
	}
	if c.Provider == ProviderExisting {
		return
	}
	c.k3sDefaults()
	Or(&c.Kubernetes, DefaultKubernetes)
	Or(&c.ControlPlanes, 1)
	if c.Workers == nil {
		workers := DefaultWorkers
		c.Workers = &workers
	}
	Or(&c.KubeProxy, KubeProxyNone)
	Or(&c.IPFamily, IPv4Family)
	if c.IPFamily.V4() {
		Or(&c.PodCIDR, netip.MustParsePrefix("10.244.0.0/16"))
		Or(&c.ServiceCIDR, netip.MustParsePrefix("10.96.0.0/16"))
	}
	if c.IPFamily.V6() {
		Or(&c.PodCIDR6, netip.MustParsePrefix("fd00:10:244::/56"))
		Or(&c.ServiceCIDR6, netip.MustParsePrefix("fd00:10:96::/112"))
	}
	if c.APIEndpoint == nil && c.ControlPlanes > 1 && c.Provider == ProviderKind {
		c.APIEndpoint = &APIEndpoint{}
	}
	if c.APIEndpoint != nil {
		c.APIEndpoint.setDefaults()
	}
}

func (r *Router) setDefaults(spec *Spec) {
	r.OSPF.setDefaults(r)
	if r.BGP == nil {
		return
	}
	Or(&r.BGP.HoldTime, DefaultHoldTime)
	Or(&r.BGP.MaximumPaths, DefaultMaximumPaths)
	r.BGP.Table.setDefaults()
	for i := range r.BGP.Peers {
		r.BGP.Peers[i].setDefaults(r, spec)
	}
}

func (e *Echo) setDefaults() {
	Or(&e.Name, "echo")
	Or(&e.Replicas, 2)
	Or(&e.Service.Type, "LoadBalancer")
	Or(&e.Service.ExternalTrafficPolicy, "Cluster")
	Or(&e.Service.InternalTrafficPolicy, "Cluster")
}
