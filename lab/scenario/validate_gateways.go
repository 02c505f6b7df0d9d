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
	if r == nil {
		v.Unknown(at, name, "router", v.routerNames())
		return
	}
	for _, n := range g.Networks {
		if !v.on(r, n) {
			v.Add(at, "seen %q, which is not on network %s, want a router on every network of the gateway", name, n)
		}
	}
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
