package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// OSPF is a router's interior protocol with all names and numbers.
type OSPF struct {
	RouterID   netip.Addr      `json:"routerID"`
	Area       uint32          `json:"area"`
	Hello      time.Duration   `json:"hello"`
	Dead       time.Duration   `json:"dead"`
	Interfaces []OSPFInterface `json:"interfaces"`
	// Connected announces the prefixes of all interfaces as external.
	Connected bool           `json:"connected,omitempty"`
	BFD       *scenario.BFD  `json:"bfd,omitempty"`
	Neighbors []OSPFNeighbor `json:"neighbors,omitempty"`
	Stubs     []netip.Prefix `json:"stubs,omitempty"` // the announced loopbacks
}

// OSPFInterface is an interface with OSPF.
type OSPFInterface struct {
	Name         string `json:"name"`
	Cost         int    `json:"cost"`
	Passive      bool   `json:"passive,omitempty"`
	PointToPoint bool   `json:"pointToPoint,omitempty"`
}

// OSPFNeighbor is another router of the lab with OSPF on a common network.
type OSPFNeighbor struct {
	Name      string     `json:"name"`
	Interface string     `json:"interface"`
	RouterID  netip.Addr `json:"routerID"`
}

// Active returns the interfaces with neighbours.
func (o *OSPF) Active() []OSPFInterface {
	return slices.DeleteFunc(slices.Clone(o.Interfaces), func(i OSPFInterface) bool { return i.Passive })
}

// HasIPv6 reports whether the router has an IPv6 address on a network.
func (r Router) HasIPv6() bool {
	return slices.ContainsFunc(r.Networks, func(a Attachment) bool { return a.Address6.IsValid() })
}

func (b *builder) ospf(i int, r scenario.Router) *OSPF {
	if r.OSPF == nil {
		return nil
	}
	o := &OSPF{
		RouterID: b.ospfID(i, r), Area: r.OSPF.Area, Hello: r.OSPF.HelloInterval.Std(), Dead: r.OSPF.DeadInterval.Std(),
		Connected: slices.Contains(r.OSPF.Redistribute, "connected"), BFD: r.OSPF.BFD, Stubs: r.Loopbacks,
	}
	for _, n := range slices.Concat(r.OSPF.Networks, r.OSPF.Passive) {
		o.Interfaces = append(o.Interfaces, OSPFInterface{
			Name: n, Cost: r.OSPF.CostOf(n), Passive: !r.RunsOn(n), PointToPoint: b.network(n).PointToPoint,
		})
	}
	for _, n := range r.OSPF.Networks {
		for j, other := range b.spec.Routers {
			if i != j && other.RunsOn(n) {
				o.Neighbors = append(o.Neighbors, OSPFNeighbor{Name: other.Name, Interface: n, RouterID: b.ospfID(j, other)})
			}
		}
	}
	return o
}

func (b *builder) ospfID(i int, r scenario.Router) netip.Addr {
	if r.OSPF.RouterID.IsValid() {
		return r.OSPF.RouterID
	}
	return b.attach(r.Networks[0], routerAt(b.spec.Routers, r.Networks[0], i), r.Name).Address
}

// ospfText writes the interior protocol of routers.
func (p *Plan) ospfText(t *text) {
	first := true
	for _, r := range p.Routers {
		o := r.OSPF
		if o == nil {
			continue
		}
		if first {
			t.table("ROUTER\tOSPF ID\tAREA\tHELLO\tDEAD\tINTERFACES (COST)\tNEIGHBOURS")
		}
		first = false
		var interfaces, neighbours []string
		for _, i := range o.Interfaces {
			word := fmt.Sprintf("%s (%d)", i.Name, i.Cost)
			if i.Passive {
				word += " passive"
			}
			interfaces = append(interfaces, word)
		}
		for _, n := range o.Neighbors {
			neighbours = append(neighbours, n.Name+" on "+n.Interface)
		}
		t.row(r.Name, o.RouterID, o.Area, o.Hello, o.Dead, strings.Join(interfaces, ", "), strings.Join(neighbours, ", "))
	}
}
