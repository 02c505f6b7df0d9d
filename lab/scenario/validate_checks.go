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
		path := fmt.Sprintf("spec.checks[%d]", i)
		if !v.ExactlyOne(path, "reach, sessions, routes, wire, nodeRoutes, serviceList, entry, failover, withdrawal, lease, held, api, join, flows",
			c.Reach != nil, c.Sessions != nil, c.Routes != nil, c.Wire != nil, c.NodeRoutes != nil, c.ServiceList != nil, c.Entry != nil,
			c.Failover != nil, c.Withdrawal != nil, c.Lease != nil, c.Held != nil, c.API != nil, c.Join != nil, c.Flows != nil) {
			continue
		}
		switch {
		case c.Reach != nil:
			v.reach(path+".reach", c.Reach)
		case c.Sessions != nil:
			v.sessions(path + ".sessions")
		case c.Wire != nil:
			v.wire(path+".wire", c.Wire)
		case c.NodeRoutes != nil:
			v.nodeRoutes(path + ".nodeRoutes")
		case c.ServiceList != nil:
			v.serviceList(path+".serviceList", c.ServiceList)
		case c.Entry != nil:
			v.entry(path+".entry", c.Entry)
		case c.Failover != nil:
			v.failover(path+".failover", c.Failover)
		case c.Withdrawal != nil:
			v.withdrawal(path+".withdrawal", c.Withdrawal)
		case c.Lease != nil:
			v.lease(path+".lease", c.Lease)
		case c.Held != nil:
			v.held(path+".held", c.Held)
		case c.API != nil:
			v.api(path+".api", c.API)
		case c.Join != nil:
			v.join(path+".join", c.Join)
		case c.Flows != nil:
			v.flows(path+".flows", c.Flows)
		default:
			v.routes(path+".routes", c.Routes)
		}
	}
}

func (v *Validation) reach(path string, r *Reach) {
	v.origin(path+".from", r.From)
	v.Targets(path, r.To, r.Workload)
}

func (v *Validation) sessions(path string) {
	if !slices.ContainsFunc(v.spec.Routers, func(r Router) bool { return r.BGP != nil && len(r.BGP.Peers) > 0 }) {
		v.Add(path, "seen a check of BGP sessions, want a router with bgp.peers")
	}
}

func (v *Validation) routes(path string, r *Routes) {
	v.Repeated(path+".routers", r.Routers)
	v.NotEmpty(path+".routers", len(r.Routers))
	for j, name := range r.Routers {
		at := fmt.Sprintf("%s.routers[%d]", path, j)
		router := v.spec.Router(name)
		switch {
		case name == "":
		case router == nil:
			v.Unknown(at, name, "router", v.routerNames())
		case router.BGP == nil:
			v.Add(at, "seen %q, which has no bgp, want a router that speaks it", name)
		}
	}
	v.Targets(path, r.To, r.Workload)
	if j := slices.Index(r.To, TargetNodePort); j >= 0 {
		v.Add(fmt.Sprintf("%s.to[%d]", path, j), "seen nodePort, want what is announced: pod, clusterIP, externalIP or loadBalancer")
	}
	if most := len(v.spec.NodeNames()); r.NextHops > most {
		v.Add(path+".nextHops", "seen %d, want at most %d, the number of nodes", r.NextHops, most)
	}
}

// Targets checks that the workload exists and has the addresses that are asked for.
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
		v.hasAddress(fmt.Sprintf("%s.to[%d]", path, j), t, e)
	}
}

// Workload finds a workload, or says which there are.
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

// hasAddress checks that a workload has an address of that kind.
func (v *Validation) hasAddress(at string, t Target, e *Echo) {
	switch {
	case t == TargetExternalIP && len(e.Service.ExternalIPs) == 0:
		v.Add(at, "seen externalIP, want workload %s to have service.externalIPs", e.Name)
	case t == TargetLoadBalancer && e.Service.Type != "LoadBalancer":
		v.Add(at, "seen loadBalancer, want workload %s to have service.type LoadBalancer, not %s", e.Name, e.Service.Type)
	case t == TargetNodePort && e.Service.Type == "ClusterIP":
		v.Add(at, "seen nodePort, want workload %s to have service.type NodePort or LoadBalancer", e.Name)
	}
}
