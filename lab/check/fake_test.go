package check

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

var ip = netip.MustParseAddr

// fake is a lab of two nodes, one pod on each, two routers and a client, in which all is well until a
// test breaks something.
type fake struct {
	Lab          // methods that no test needs
	endpoints    probe.Endpoints
	endpointsErr error
	nodes        []live.ClusterNode
	routers      []*fakeRouter
	// answer changes or drops the answer of one attempt; nil leaves it.
	answer func(target netip.AddrPort, s *record.Shot)
	ran    func(cmd []string) error
	asked  int
}

func newFake() *fake {
	nodes := []live.ClusterNode{
		{NodeAddress: probe.NodeAddress{Name: "worker", Addresses: []netip.Addr{ip("172.30.0.3")}}, PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.1.0/24")}},
		{NodeAddress: probe.NodeAddress{Name: "worker2", Addresses: []netip.Addr{ip("172.30.0.4")}}, PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.2.0/24")}},
	}
	f := &fake{nodes: nodes, endpoints: probe.Endpoints{
		Workload: "echo",
		Pods: []probe.Pod{{Name: "echo-a", Node: "worker", IPs: []netip.Addr{ip("10.244.1.5")}},
			{Name: "echo-b", Node: "worker2", IPs: []netip.Addr{ip("10.244.2.6")}}},
		ClusterIPs: []netip.Addr{ip("10.96.0.9")}, ExternalIPs: []netip.Addr{ip("203.0.113.50")}, LoadBalancerIPs: []netip.Addr{ip("198.51.100.1")},
		Nodes:   []probe.NodeAddress{nodes[0].NodeAddress, nodes[1].NodeAddress},
		PodPort: probe.Ports{TCP: 8080, UDP: 8080}, ServicePort: probe.Ports{TCP: 80, UDP: 80}, NodePort: probe.Ports{TCP: 30080, UDP: 30081},
	}}
	for _, name := range []string{"r1", "r2"} {
		f.routers = append(f.routers, newFakeRouter(name))
	}
	return f
}

func (f *fake) Node(name string) (node.Node, error) {
	if name != "client" {
		return nil, errors.New("no node " + name)
	}
	return client{f}, nil
}

func (f *fake) Endpoints(context.Context, string) (probe.Endpoints, error) {
	f.asked++
	return f.endpoints, f.endpointsErr
}

func (f *fake) ClusterNodes(context.Context) ([]live.ClusterNode, error) { return f.nodes, nil }

func (f *fake) Routers() []live.Router {
	var all []live.Router
	for _, r := range f.routers {
		all = append(all, r)
	}
	return all
}

func (f *fake) Now() int64 { return time.Now().UnixNano() }

// client answers as the prober in a client would.
type client struct{ lab *fake }

func (client) Name() string    { return "client" }
func (client) Kind() node.Kind { return node.KindClient }
func (c client) ExecInput(ctx context.Context, _ []byte, cmd ...string) ([]byte, error) {
	return c.Exec(ctx, cmd...)
}

func (c client) Exec(ctx context.Context, cmd ...string) ([]byte, error) {
	if c.lab.ran != nil {
		if err := c.lab.ran(cmd); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	times, err := strconv.Atoi(cmd[slices.Index(cmd, "--times")+1])
	if err != nil {
		return nil, err
	}
	var shots []record.Shot
	for _, arg := range cmd {
		target, err := netip.ParseAddrPort(arg)
		if err != nil {
			continue
		}
		for try := 1; try <= times; try++ {
			shots = append(shots, c.shot(target, try))
			if shots[len(shots)-1].Error != "" {
				break
			}
		}
	}
	return json.Marshal(shots)
}

func (c client) shot(target netip.AddrPort, try int) record.Shot {
	pod := c.lab.endpoints.Pods[(try+1)%len(c.lab.endpoints.Pods)]
	for _, p := range c.lab.endpoints.Pods {
		if slices.Contains(p.IPs, target.Addr()) {
			pod = p
		}
	}
	s := record.Shot{Target: target.String(), Try: try, Local: "192.0.2.9:4000", Latency: time.Millisecond,
		Answer: &record.Answer{Pod: pod.Name, Node: pod.Node, Client: "192.0.2.9:4000"}}
	if c.lab.answer != nil {
		c.lab.answer(target, &s)
	}
	return s
}

type fakeRouter struct {
	name     string
	sessions []bgp.Session
	rib, fib []bgp.Route
	err      error
}

func newFakeRouter(name string) *fakeRouter {
	other := map[string]string{"r1": "172.30.0.12", "r2": "172.30.0.11"}[name]
	r := &fakeRouter{name: name}
	for _, peer := range []struct {
		address string
		asn     uint32
	}{{other, 64513}, {"172.30.0.3", 64512}, {"172.30.0.4", 64512}} {
		r.sessions = append(r.sessions, bgp.Session{Router: name, Peer: ip(peer.address), PeerASN: peer.asn, State: bgp.Established, Uptime: time.Minute})
	}
	for prefix, via := range map[string]string{
		"10.244.1.0/24": "172.30.0.3", "10.244.2.0/24": "172.30.0.4", "10.96.0.9/32": "172.30.0.3 172.30.0.4",
		"203.0.113.50/32": "172.30.0.3 172.30.0.4", "198.51.100.1/32": "172.30.0.3 172.30.0.4",
	} {
		r.rib = append(r.rib, route(prefix, via))
		r.fib = append(r.fib, route(prefix, via))
	}
	return r
}

func route(prefix, via string) bgp.Route {
	r := bgp.Route{Prefix: netip.MustParsePrefix(prefix), Protocol: "bgp"}
	for _, hop := range strings.Fields(via) {
		r.NextHops = append(r.NextHops, bgp.NextHop{Address: ip(hop), Interface: "fabric"})
	}
	return r
}

func (r *fakeRouter) Name() string                                    { return r.name }
func (r *fakeRouter) Sessions(context.Context) ([]bgp.Session, error) { return r.sessions, r.err }
func (r *fakeRouter) Routes(context.Context) ([]bgp.Route, error)     { return r.rib, r.err }
func (r *fakeRouter) FIB(context.Context) ([]bgp.Route, error)        { return r.fib, r.err }
func (r *fakeRouter) replace(routes *[]bgp.Route, prefix, via string) {
	r.remove(routes, prefix)
	*routes = append(*routes, route(prefix, via))
}
func (r *fakeRouter) remove(routes *[]bgp.Route, prefix string) {
	*routes = slices.DeleteFunc(*routes, func(r bgp.Route) bool { return r.Prefix.String() == prefix })
}

// thePlan is the plan of the fake lab.
func thePlan() *plan.Plan {
	speaker := func(name, other string) *plan.Speaker {
		return &plan.Speaker{ASN: 64513, Neighbors: []plan.Neighbor{{Name: name, Address: ip(other), ASN: 64513}},
			Ranges: []plan.Range{{Name: "nodes", Prefix: netip.MustParsePrefix("172.30.0.0/29"), ASN: 64512, Sessions: 2}}}
	}
	return &plan.Plan{
		Lab:       "test",
		Scenario:  &scenario.Scenario{Metadata: scenario.Metadata{Name: "two-routers"}},
		Cluster:   &plan.Cluster{Nodes: []plan.Node{{Name: "n-worker", Short: "worker"}, {Name: "n-worker2", Short: "worker2"}}},
		Routers:   []plan.Router{{Name: "r1", BGP: speaker("r2", "172.30.0.12")}, {Name: "r2", BGP: speaker("r1", "172.30.0.11")}},
		Workloads: []plan.Workload{{Name: "echo", Replicas: 2}},
	}
}
