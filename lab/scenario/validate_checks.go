package scenario

import (
	"fmt"
	"slices"
)

func (v *Validation) workloads() {
	for i, w := range v.spec.Workloads {
		path := fmt.Sprintf("spec.workloads[%d]", i)
		if !v.ExactlyOne(path, "echo", w.Echo != nil) {
			continue
		}
		if v.spec.Cluster == nil {
			v.Add(path, "seen a workload, want a spec.cluster to run it in")
		}
	}
}

func (v *Validation) checks() {
	for i, c := range v.spec.Checks {
		c.validate(v, fmt.Sprintf("spec.checks[%d]", i))
	}
}

// Speaker checks that a router of that name exists and speaks BGP.
func (v *Validation) Speaker(path, name string) {
	router := v.spec.Router(name)
	switch {
	case name == "":
	case router == nil:
		v.Unknown(path, name, "router", v.routerNames())
	case router.BGP == nil && !router.IsNative():
		v.Add(path, "seen %q, which has no bgp, want a router that speaks it", name)
	}
}

// Client checks that a client of that name exists.
func (v *Validation) Client(path, name string) {
	var known []string
	for _, c := range v.spec.Clients {
		known = append(known, c.Name)
	}
	if name != "" && !slices.Contains(known, name) {
		v.Unknown(path, name, "client", known)
	}
}

// Targets checks that the workload exists and has the requested addresses.
func (v *Validation) Targets(path string, to []Target, workload string) {
	v.NotEmpty(path+".to", len(to))
	kinds := make([]string, 0, len(to))
	for _, t := range to {
		kinds = append(kinds, string(t))
	}
	v.Repeated(path+".to", kinds)
	if j := slices.Index(to, TargetClient); j >= 0 {
		v.Add(fmt.Sprintf("%s.to[%d]", path, j), "seen client, want an address of a workload; a client is the target of a probe")
	}
	e := v.Workload(path+".workload", workload)
	if e == nil {
		return
	}
	for j, t := range to {
		v.HasAddress(fmt.Sprintf("%s.to[%d]", path, j), t, e)
	}
}

// Workload finds a workload by name, or adds a problem with the existing names.
func (v *Validation) Workload(path, name string) *Echo {
	if e := v.spec.Echo(name); e != nil {
		return e
	}
	var known []string
	for _, w := range v.spec.Workloads {
		if w.Echo != nil {
			known = append(known, w.Echo.Name)
		}
	}
	v.Unknown(path, name, "workload", known)
	return nil
}

// HasAddress checks that a workload has an address of the kind t.
func (v *Validation) HasAddress(at string, t Target, e *Echo) {
	switch {
	case t == TargetExternalIP && len(e.Service.ExternalIPs) == 0:
		v.Add(at, "seen externalIP, want workload %s to have service.externalIPs", e.Name)
	case t == TargetLoadBalancer && e.Service.Type != "LoadBalancer":
		v.Add(at, "seen loadBalancer, want workload %s to have service.type LoadBalancer, not %s", e.Name, e.Service.Type)
	case t == TargetNodePort && e.Service.Type == "ClusterIP":
		v.Add(at, "seen nodePort, want workload %s to have service.type NodePort or LoadBalancer", e.Name)
	}
}
