package fault

import (
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/bound"
	apiend "skidpad.dev/skidpad/lab/cluster/endpoint"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// Bounder is a fault with an outage that configured timers bound. Every other fault has About.Unbounded.
type Bounder interface {
	// Bound returns the bound of a flow's outage, or nil if no timer of the plan bounds the outage.
	Bound(c Case) *bound.Bound
}

// APIBounder is a Bounder of the time in which the Kubernetes API takes no writes.
type APIBounder interface {
	// APIBound returns the bound, or nil if no timer of the plan bounds the outage.
	APIBound(p *plan.Plan) *bound.Bound
}

// Evicter is a fault of a cluster node that takes the node's endpoints away.
type Evicter interface {
	// Evicts returns the node.
	Evicts() string
}

// Case is a measurement of a fault.
type Case struct {
	Plan  *plan.Plan
	Probe scenario.Probe
	// Clear measures the fault's end.
	Clear bool
	// GracefulRestart is the setting during the measurement; nil: the plan's.
	GracefulRestart *bool

	// proto is the only protocol whose silence ends sessions: bgp or bfd; empty: both.
	proto string
}

// BoundOf returns the bound of a flow's outage, or nil without a bound.
func BoundOf(f scenario.Fault, c Case) *bound.Bound {
	if b, ok := f.Fields.(Bounder); ok {
		return b.Bound(c)
	}
	return nil
}

// APIBoundOf returns the bound of the API's outage, or nil without a bound.
func APIBoundOf(f scenario.Fault, p *plan.Plan) *bound.Bound {
	if b, ok := f.Fields.(APIBounder); ok {
		return b.APIBound(p)
	}
	return nil
}

// Unbounded returns the reason why no timer bounds a flow's outage; "" if timers can bound the outage.
func Unbounded(f scenario.Fault) string {
	if of, ok := f.Fields.(Fault); ok {
		return of.About().Unbounded
	}
	return ""
}

// The interval and the failures of the script by which a gateway's member checks for routes (lab/router/gateway's
// keepalived.conf).
const (
	trackEvery    = time.Second
	trackFailures = 1
)

// silent is the bound of a node that falls silent.
func (c Case) silent(node string) *bound.Bound {
	vrrp, guarded := c.backup(node)
	switch {
	case guarded && c.Clear:
		return ref(vrrp.Preempted())
	case guarded:
		return ref(vrrp.Silent())
	case c.worker(node):
		return ref(c.nodeLost())
	}
	return worst(c.noticed(node))
}

// cut is the bound of a node that loses a link.
func (c Case) cut(node string) *bound.Bound {
	if vrrp, guarded := c.backup(node); guarded && !c.Clear {
		return ref(vrrp.LinkDown(true, vrrp.Silent()))
	}
	return c.silent(node)
}

// bondLink is the bound of a bond that loses one of several links.
func (c Case) bondLink(network string) *bound.Bound {
	for _, n := range c.Plan.Networks {
		if n.Name == network && n.Bond != nil {
			return ref(bound.Bond(n.Bond.MIIMon.Std()))
		}
	}
	return nil
}

// routesGone is the bound of a gateway's member that loses its routes while keepalived lives on: the backup takes over after
// the failure of the tracking script. ok is false for other nodes.
func (c Case) routesGone(node string) (b *bound.Bound, ok bool) {
	vrrp, guarded := c.backup(node)
	switch {
	case guarded && c.Clear:
		return ref(vrrp.Preempted()), true
	case guarded:
		return ref(vrrp.Tracked(trackEvery, trackFailures)), true
	}
	return nil, false
}

// ceased is the bound of a router's sessions that end by a message to the peers: all sessions, or the sessions with a peer.
func (c Case) ceased(name, peer string) *bound.Bound {
	if b, ok := c.routesGone(name); ok && (peer == "" || peer == scenario.AllNodes) {
		return b
	}
	return ref(bound.Ceased())
}

// parted is the bound of two nodes that no longer receive each other's packets. Between members of the same gateway both
// become active, and no timer ends this.
func (c Case) parted(node, peer string) *bound.Bound {
	switch {
	case c.worker(node):
		node = peer
	case !c.worker(peer):
		_, guarded := c.backup(node)
		if _, both := c.backup(peer); guarded && both {
			return nil
		}
		return worst(append(c.sessions(node, peer), c.sessions(peer, node)...))
	}
	if r := c.listener(node); r != nil {
		if b, ok := c.silence(*r); ok {
			return &b
		}
	}
	return nil
}

// withoutProcess is the bound of a gateway's member or guard without keepalived.
func (c Case) withoutProcess(node string) *bound.Bound {
	if _, guarded := c.backup(node); guarded {
		return c.silent(node)
	}
	return nil
}

// holdsRoutes reports whether a router's routes go with a process. keepalived lives on without the process.
func (c Case) holdsRoutes(process string) bool {
	return slices.ContainsFunc(router.All(c.Plan.Scenario.Kinds()), func(of router.Software) bool {
		return slices.Contains(of.Daemons().Routing, process)
	})
}

// graceful reports whether graceful restart is on during the measurement.
func (c Case) graceful() bool {
	if c.GracefulRestart != nil {
		return *c.GracefulRestart
	}
	return slices.ContainsFunc(c.Plan.Routers, func(r plan.Router) bool { return r.BGP != nil && r.BGP.GracefulRestart })
}

// noticed lists the bounds by which each router notices that a peer falls silent. A gateway's member has none, because packets
// come by the gateway's address.
func (c Case) noticed(node string) []bound.Bound {
	if slices.ContainsFunc(c.Plan.Gateways, func(g plan.Gateway) bool {
		return slices.ContainsFunc(g.Members, func(m plan.GatewayGuard) bool { return m.Router == node })
	}) {
		return nil
	}
	var all []bound.Bound
	for _, r := range c.Plan.Routers {
		all = append(all, c.sessions(r.Name, node)...)
	}
	return all
}

// sessions lists the bounds by which a router notices that a peer falls silent: of BFD, else of the hold time.
func (c Case) sessions(name, peer string) []bound.Bound {
	var all []bound.Bound
	for _, r := range c.Plan.Routers {
		if r.Name != name {
			continue
		}
		all = append(all, c.interior(r, peer)...)
		if r.BGP == nil {
			continue
		}
		for _, n := range r.BGP.Neighbors {
			if n.Loopback && r.OSPF != nil {
				continue // OSPF takes the routes to the loopback away, and with them the session's routes
			}
			if n.Name != peer {
				continue
			}
			if b, ok := c.detection(r, n.Peering, c.farEnds(r, n)); ok {
				all = append(all, b)
			}
		}
	}
	return all
}

// spf is the longest time between the loss of a neighbour and the new routes: BIRD calculates once a second (tick), FRR at once.
const spf = time.Second

// interior lists the bound by which a router's OSPF notices that a neighbour falls silent: of BFD, else of the dead interval.
func (c Case) interior(r plan.Router, peer string) []bound.Bound {
	o := r.OSPF
	if o == nil || c.proto == "bgp" || !slices.ContainsFunc(o.Neighbors, func(n plan.OSPFNeighbor) bool { return n.Name == peer }) {
		return nil
	}
	if o.BFD != nil {
		return []bound.Bound{bound.OSPFBFD(bound.BFD(o.BFD.Multiplier, o.BFD.Interval.Std(), o.BFD.Interval.Std()), spf)}
	}
	if c.proto == "bfd" {
		return nil
	}
	return []bound.Bound{bound.OSPFDead(o.Dead, o.Hello, spf)}
}

// nodeLost is the bound of a silent node: routers send packets to the node until BFD or the hold timer expires, and other nodes
// choose pods on the node until Kubernetes marks the pods as not ready. With externalTrafficPolicy Local, nodes choose their own
// pods only. A single pod's address is not chosen.
func (c Case) nodeLost() bound.Bound {
	lost := bound.NodeLost(bound.NodeGrace, bound.NodePeriod)
	at := slices.IndexFunc(c.Plan.Workloads, func(w plan.Workload) bool { return c.Probe.Workload == "" || w.Name == c.Probe.Workload })
	local := at >= 0 && c.Plan.Workloads[at].Service.ExternalTrafficPolicy == "Local"
	for _, r := range c.Plan.Routers {
		if r.BGP == nil || len(r.BGP.Ranges) == 0 {
			continue
		}
		b, _ := c.silence(r)
		if local || c.Probe.To == scenario.TargetPod {
			return b
		}
		return bound.Worst(b, lost)
	}
	return lost
}

// silence is the bound by which a router notices that a node falls silent that dials the router.
func (c Case) silence(r plan.Router) (bound.Bound, bool) {
	return c.detection(r, r.BGP.Ranges[0].Peering, c.nodeEnds(r))
}

// listener returns the router of a name that nodes dial, or nil.
func (c Case) listener(name string) *plan.Router {
	i := slices.IndexFunc(c.Plan.Routers, func(r plan.Router) bool { return r.Name == name && r.BGP != nil && len(r.BGP.Ranges) > 0 })
	if i < 0 {
		return nil
	}
	return &c.Plan.Routers[i]
}

// backup returns the timers of the backup for a gateway's router or guard. ok is false without a backup.
func (c Case) backup(node string) (vrrp bound.VRRP, ok bool) {
	for _, g := range c.Plan.Gateways {
		at := slices.IndexFunc(g.Members, func(m plan.GatewayGuard) bool { return m.Router == node || m.Router+"-"+g.Name == node })
		if at < 0 || g.Members[at].Home != "" && c.Probe.Gateway != g.Name {
			continue // a node's flows go by the node's own address, unless the probe asks the gateway's
		}
		next := 0
		for i, m := range g.Members {
			if i != at {
				next = max(next, m.Priority)
			}
		}
		return bound.VRRP{Advert: g.AdvertInterval, Priority: next, V2: g.Version == 2}, next != 0
	}
	return bound.VRRP{}, false
}

// guard reports whether the node is a gateway's guard: r1-gw.
func (c Case) guard(node string) bool {
	return slices.ContainsFunc(c.Plan.Gateways, func(g plan.Gateway) bool {
		return slices.ContainsFunc(g.Members, func(m plan.GatewayGuard) bool { return m.Router+"-"+g.Name == node })
	})
}

func (c Case) worker(name string) bool {
	return c.Plan.Cluster != nil && slices.ContainsFunc(c.Plan.Cluster.Nodes, func(n plan.Node) bool { return n.Short == name })
}

// apiGuard returns the position of a node among the control planes that guard the API's address, or -1; and the timers of the
// second, after the first.
func apiGuard(p *plan.Plan, node string) (at int, vrrp bound.VRRP) {
	e := p.Cluster.APIEndpoint
	if e == nil || len(e.Guards) < 2 {
		return -1, vrrp
	}
	at = slices.IndexFunc(e.Guards, func(g plan.EndpointGuard) bool { return g.Node == node })
	return at, bound.VRRP{Advert: e.AdvertInterval, Priority: e.Guards[1].Priority}
}

// apiSilent is the bound of a control-plane node that falls silent. Balancers leave a server without an answer.
func apiSilent(p *plan.Plan, node string) *bound.Bound {
	etcd := bound.LeaderLost(bound.EtcdElection)
	switch at, vrrp := apiGuard(p, node); at {
	case -1:
		return nil
	case 0:
		return ref(bound.Worst(vrrp.Silent(), etcd))
	}
	return &etcd
}

// apiWithout is the bound of a process on a control-plane node that ends or hangs.
func apiWithout(p *plan.Plan, node, process string) *bound.Bound {
	at, vrrp := apiGuard(p, node)
	e := p.Cluster.APIEndpoint
	switch {
	case at < 0:
	case process == "etcd":
		return ref(bound.LeaderLost(bound.EtcdElection))
	case at == 0 && process == apiend.Keepalived:
		return ref(vrrp.Silent())
	case at == 0 && process == string(e.Balancer):
		return ref(vrrp.Hung(e.CheckInterval, apiend.CheckTimeout(*e), e.Fall))
	}
	return nil
}

func ref(b bound.Bound) *bound.Bound { return &b }

// worst is the longest of different bounds, or nil without any.
func worst(all []bound.Bound) *bound.Bound {
	all = slices.CompactFunc(all, func(a, b bound.Bound) bool { return a.Formula == b.Formula })
	if len(all) == 0 {
		return nil
	}
	return ref(bound.Worst(all...))
}
