package scenario

import (
	"fmt"
	"slices"
	"time"
)

// maxMembers bounds the members of a gateway. The plan gives each member a VRRP priority ten below the member before.
const maxMembers = 10

func (v *Validation) gateways() {
	for i, g := range v.spec.Gateways {
		path := fmt.Sprintf("spec.gateways[%d]", i)
		v.NotEmpty(path+".members", len(g.Members))
		v.atMost(path+".members", len(g.Members), maxMembers)
		v.NotEmpty(path+".networks", len(g.Networks))
		v.Repeated(path+".members", g.Members)
		v.Repeated(path+".networks", g.Networks)
		for j, n := range g.Networks {
			v.Network(fmt.Sprintf("%s.networks[%d]", path, j), n)
		}
		for j, m := range g.Members {
			v.member(fmt.Sprintf("%s.members[%d]", path, j), g, m)
		}
		v.advertInterval(path+".advertInterval", g.AdvertInterval)
		v.keepalived(path, i)
	}
}

func (v *Validation) member(at string, g Gateway, name string) {
	r := v.spec.Router(name)
	switch {
	case r != nil:
	case slices.Contains(v.spec.NodeNames(), name):
		v.nodeMember(at, g, name)
		return
	default:
		v.Unknown(at, name, "router or cluster node", append(v.routerNames(), v.spec.NodeNames()...))
		return
	}
	for _, n := range g.Networks {
		if !v.on(r, n) {
			v.Add(at, "seen %q, which is not on network %s, want a router on every network of the gateway", name, n)
		}
	}
}

// nodeMember checks a cluster node that guards a gateway's address.
func (v *Validation) nodeMember(at string, g Gateway, name string) {
	c := v.spec.Cluster
	switch {
	case c.Provider != ProviderKind:
		v.NotYet(at, "a gateway on a node with provider "+c.Provider, ProviderKind)
	case slices.Contains(c.JoinLater, name):
		v.Add(at, "seen %q, which joins later, want a node that is there from the start", name)
	case v.spec.Router(g.Members[0]) != nil:
		v.Add(at, "seen the node %q beside the router %s, want routers only or nodes only", name, g.Members[0])
	}
	on := append([]string{c.Home(name)}, c.Settings(name).Networks...)
	for _, n := range g.Networks {
		if !slices.Contains(on, n) {
			v.Add(at, "seen %q, which is not on network %s, want a node on every network of the gateway", name, n)
		}
	}
}

// OnNodes reports whether cluster nodes guard the gateway's address.
func (g Gateway) OnNodes(s *Spec) bool {
	return slices.ContainsFunc(g.Members, func(m string) bool { return slices.Contains(s.NodeNames(), m) })
}

// advertInterval checks RFC 9568, 5.2.7: centiseconds in 12 bits.
func (v *Validation) advertInterval(path string, d Duration) {
	const unit = 10 * time.Millisecond
	if d.Std() < unit || d.Std() > 4095*unit || d.Std()%unit != 0 {
		v.Add(path, "seen %s, want a multiple of 10ms from 10ms to 40.95s (RFC 9568, 5.2.7)", d)
	}
}

func (v *Validation) clients() {
	for i, c := range v.spec.Clients {
		path := fmt.Sprintf("spec.clients[%d]", i)
		v.attached(path, c)
		if c.Network != "" && len(c.Networks) == 0 {
			v.Network(path+".network", c.Network)
		}
		first := ""
		switch {
		case c.Gateway != "":
			first = path + ".gateway"
		case c.Router != "":
			first = path + ".router"
		}
		v.staticRoutes(path+".routes", c.Routes, c.Attached(), first)
		if c.Gateway != "" && c.Router != "" {
			v.Add(path, "seen both gateway and router, want at most one of them")
		}
		if c.Gateway != "" {
			v.clientGateway(path+".gateway", c)
		}
		if c.Router != "" {
			v.clientRouter(path+".router", c)
		}
	}
}

func (v *Validation) clientGateway(path string, c Client) {
	g := v.spec.Gateway(c.Gateway)
	if g == nil {
		var known []string
		for _, g := range v.spec.Gateways {
			known = append(known, g.Name)
		}
		v.Unknown(path, c.Gateway, "gateway", known)
		return
	}
	if v.spec.HasNetwork(c.Network) && !slices.Contains(g.Networks, c.Network) {
		v.Add(path, "seen %q, which has no address on network %s, want a gateway that has", c.Gateway, c.Network)
	}
}

func (v *Validation) clientRouter(path string, c Client) {
	r := v.spec.Router(c.Router)
	if r == nil {
		v.Unknown(path, c.Router, "router", v.routerNames())
		return
	}
	if !v.on(r, c.Network) {
		v.Add(path, "seen %q, which is not on network %s, want a router that is", c.Router, c.Network)
	}
}

func (v *Validation) routerNames() []string {
	all := make([]string, 0, len(v.spec.Routers))
	for _, r := range v.spec.Routers {
		all = append(all, r.Name)
	}
	return all
}
