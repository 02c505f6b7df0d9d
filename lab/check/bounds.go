package check

import (
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// How a gateway's members watch whether they have routes (lab/router/gateway's keepalived.conf).
const (
	trackEvery    = time.Second
	trackFailures = 1
)

// holdsRoutes reports whether a router's routes go with a process. keepalived lives on without that process, so the
// backup takes over only after the tracking script has failed.
func holdsRoutes(p *plan.Plan, process string) bool {
	return slices.ContainsFunc(router.All(p.Scenario.Kinds()), func(of router.Software) bool {
		return slices.Contains(of.Daemons().Routing, process)
	})
}

// boundOf computes how long the outage of a failover may last by the plan's timers; nil where no timer says so.
func boundOf(p *plan.Plan, f Failover) *bound.Bound {
	verb, node := f.Fault.Verb()
	process, peer := "", ""
	switch of := f.Fault.Fields.(type) {
	case *fault.KillProcess:
		process = of.Process
	case *fault.Partition:
		peer = of.Peer
	}
	vrrp, guarded := gatewayOf(p, node)
	worker := isNode(p, node)
	var b bound.Bound
	switch {
	case f.Measure == MeasureClear && guarded:
		b = vrrp.Preempted()
	case verb == "killProcess" && (process == "cilium-agent" || process == "bird" && (worker || node == scenario.AllNodes)):
		if !gracefulRestart(p, f) {
			return nil // the routes are gone until the speaker is back, and no timer says when that is
		}
		b = bound.GracefulRestart(bound.RestartTime, 0)
	case verb == "killProcess" && guarded && holdsRoutes(p, process):
		b = vrrp.Tracked(trackEvery, trackFailures)
	case verb == "linkDown" && guarded:
		b = vrrp.LinkDown(true, vrrp.Silent())
	case verb == "stop" && guarded && isGuard(p, node):
		b = vrrp.Released()
	case (verb == "kill" || verb == "stop" || verb == "pause" || verb == "restart" || verb == "killProcess") && guarded:
		b = vrrp.Silent()
	case (verb == "kill" || verb == "pause" || verb == "stop" || verb == "linkDown") && worker:
		b = nodeLost(p, f.Probe)
	case (verb == "kill" || verb == "pause" || verb == "linkDown") && len(noticed(p, node)) > 0:
		b = bound.Worst(noticed(p, node)...)
	case verb == "partition" && worker && routerOf(p, peer) != nil:
		b = silent(*routerOf(p, peer))
	case verb == "drain":
		b = bound.Endpoint{}.Withdrawn()
	default:
		return nil
	}
	return &b
}

// noticed is how each router that has a session with one that falls silent notices it: by BFD, where that is on, else
// by the hold time.
// Of a gateway's member there is none: the traffic comes by the gateway's address.
func noticed(p *plan.Plan, node string) []bound.Bound {
	var all []bound.Bound
	if slices.ContainsFunc(p.Gateways, func(g plan.Gateway) bool {
		return slices.ContainsFunc(g.Members, func(m plan.GatewayGuard) bool { return m.Router == node })
	}) {
		return nil
	}
	for _, r := range p.Routers {
		if r.BGP == nil {
			continue
		}
		for _, n := range r.BGP.Neighbors {
			switch {
			case n.Name != node:
			case n.BFD != nil:
				all = append(all, bound.BFD(n.BFD.Multiplier, n.BFD.Interval.Std(), n.BFD.Interval.Std()))
			default:
				all = append(all, bound.HoldTime(r.BGP.HoldTime, r.BGP.Keepalive))
			}
		}
	}
	return all
}

// nodeLost is the bound of a node that fell silent: routers send packets to it until BFD or their hold timer says so, and
// other nodes choose pods on it until Kubernetes calls them not ready. Of a workload with externalTrafficPolicy Local,
// nodes choose their own pods only; of one pod's address, nobody chooses.
func nodeLost(p *plan.Plan, probe scenario.Probe) bound.Bound {
	lost := bound.NodeLost(bound.NodeGrace, bound.NodePeriod)
	w, err := workloadOf(p, probe.Workload)
	chosen := probe.To != scenario.TargetPod && (err != nil || w.Service.ExternalTrafficPolicy != "Local")
	for _, r := range p.Routers {
		if r.BGP == nil || len(r.BGP.Ranges) == 0 {
			continue
		}
		if !chosen {
			return silent(r)
		}
		return bound.Worst(silent(r), lost)
	}
	return lost
}

// silent is how a router that nodes dial notices that one of them says no more.
func silent(r plan.Router) bound.Bound {
	if f := r.BGP.Ranges[0].BFD; f != nil {
		return bound.BFD(f.Multiplier, f.Interval.Std(), f.Interval.Std())
	}
	return bound.HoldTime(r.BGP.HoldTime, r.BGP.Keepalive)
}

// routerOf is the router of that name where nodes dial it, or nil.
func routerOf(p *plan.Plan, name string) *plan.Router {
	i := slices.IndexFunc(p.Routers, func(r plan.Router) bool { return r.Name == name && r.BGP != nil && len(r.BGP.Ranges) > 0 })
	if i < 0 {
		return nil
	}
	return &p.Routers[i]
}

// gracefulRestart reports whether it is on while the check runs.
func gracefulRestart(p *plan.Plan, f Failover) bool {
	if f.GracefulRestart != nil {
		return *f.GracefulRestart
	}
	return slices.ContainsFunc(p.Routers, func(r plan.Router) bool { return r.BGP != nil && r.BGP.GracefulRestart })
}

// gatewayOf returns the timers of the backup that takes over when a router, or its guard, fails.
func gatewayOf(p *plan.Plan, node string) (bound.VRRP, bool) {
	for _, g := range p.Gateways {
		at := slices.IndexFunc(g.Members, func(m plan.GatewayGuard) bool { return m.Router == node || m.Router+"-"+g.Name == node })
		if at < 0 {
			continue
		}
		next := 0
		for i, m := range g.Members {
			if i != at {
				next = max(next, m.Priority)
			}
		}
		if next == 0 {
			return bound.VRRP{}, false // nobody else guards it
		}
		return bound.VRRP{Advert: g.AdvertInterval, Priority: next}, true
	}
	return bound.VRRP{}, false
}

func isGuard(p *plan.Plan, node string) bool {
	return slices.ContainsFunc(p.Gateways, func(g plan.Gateway) bool {
		return slices.ContainsFunc(g.Members, func(m plan.GatewayGuard) bool { return m.Router+"-"+g.Name == node })
	})
}

func isNode(p *plan.Plan, name string) bool {
	return p.Cluster != nil && slices.ContainsFunc(p.Cluster.Nodes, func(n plan.Node) bool { return n.Short == name })
}

// announcerLost returns the bound of the outage when the node dies that announces addresses by ARP. ok is false if no addon
// announces by ARP.
func announcerLost(p *plan.Plan) (b bound.Bound, ok bool) {
	a := addon.AnnouncerOf(&p.Scenario.Spec)
	if a == nil {
		return bound.Bound{}, false
	}
	return a.AnnouncerLost(len(p.Cluster.Nodes)), true
}
