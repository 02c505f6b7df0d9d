package scenario

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// OSPF is the interior protocol of a router: OSPFv2 (RFC 2328) for IPv4 and, in a lab with IPv6, OSPFv3 (RFC 5340). The
// router announces the prefixes of Networks and Passive, and the router's loopbacks. Two routers become neighbours on a common
// network of Networks.
type OSPF struct {
	// Networks are networks of the router with neighbours. A network with pointToPoint has no designated router.
	Networks []string `json:"networks"`
	// Area is the number of the area of all these networks; default 0, the backbone.
	Area uint32 `json:"area,omitempty"`
	// Passive are further networks of the router: announced, without neighbours.
	Passive []string `json:"passive,omitempty"`
	// RouterID is the router's number in OSPF (RFC 2328, C.1); default: bgp.routerID, else the IPv4 address on the first network.
	RouterID netip.Addr `json:"routerID,omitempty,omitzero" jsonschema:"example=10.255.0.1"`
	// HelloInterval is the pause between two Hello packets (RFC 2328, C.3), whole seconds from 1s to 65535s; default 1s. All
	// routers of a network need the same.
	HelloInterval Duration `json:"helloInterval,omitempty"`
	// DeadInterval is the time of silence after which a neighbour is down (RFC 2328, C.3): whole seconds, more than the Hello
	// interval, at most 65535s; default 4 × HelloInterval. All routers of a network need the same.
	DeadInterval Duration `json:"deadInterval,omitempty"`
	// Cost is the cost of packets out of an interface (RFC 2328, C.3); default 10. Costs are exceptions by network.
	Cost  int            `json:"cost,omitempty" jsonschema:"minimum=1,maximum=65535"`
	Costs map[string]int `json:"costs,omitempty"`
	// Redistribute are further prefixes that the router announces as external: connected, the prefixes of all its interfaces.
	Redistribute []string `json:"redistribute,omitempty" jsonschema:"enum=connected"`
	// BFD notices a dead neighbour on all Networks (RFC 5882). Both ends need BFD.
	BFD *BFD `json:"bfd,omitempty"`
}

// The defaults of OSPF.
const (
	DefaultHelloInterval = Duration(time.Second)
	DefaultOSPFCost      = 10
)

func (o *OSPF) setDefaults(r *Router) {
	if o == nil {
		return
	}
	Or(&o.HelloInterval, DefaultHelloInterval)
	Or(&o.DeadInterval, 4*o.HelloInterval)
	Or(&o.Cost, DefaultOSPFCost)
	if r.BGP != nil {
		Or(&o.RouterID, r.BGP.RouterID)
	}
	o.BFD.SetDefaults()
}

// RunsOn reports whether the router looks for OSPF neighbours on a network.
func (r *Router) RunsOn(network string) bool {
	return r.OSPF != nil && slices.Contains(r.OSPF.Networks, network)
}

// CostOf returns the cost of a network.
func (o *OSPF) CostOf(network string) int {
	if c, ok := o.Costs[network]; ok {
		return c
	}
	return o.Cost
}

// ospf checks a router's interior protocol.
func (v *Validation) ospf(at string, r *Router) {
	o := r.OSPF
	if o == nil {
		return
	}
	v.Needs(at, r, SpeaksOSPF, "it with "+string(r.Software))
	v.NotEmpty(at+".networks", len(o.Networks))
	v.Repeated(at+".networks", o.Networks)
	v.Repeated(at+".passive", o.Passive)
	v.Repeated(at+".redistribute", o.Redistribute)
	for i, n := range o.Networks {
		v.ownNetwork(fmt.Sprintf("%s.networks[%d]", at, i), r, n)
	}
	for i, n := range o.Passive {
		v.ownNetwork(fmt.Sprintf("%s.passive[%d]", at, i), r, n)
		if slices.Contains(o.Networks, n) {
			v.Add(fmt.Sprintf("%s.passive[%d]", at, i), "seen %s, which is among networks, want it in one of them", n)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(o.Costs)) {
		switch cost := o.Costs[n]; {
		case !slices.Contains(o.Networks, n) && !slices.Contains(o.Passive, n):
			v.Add(join(at+".costs", n), "seen %q, want a network of ospf: %s", n, list(slices.Concat(o.Networks, o.Passive)))
		case cost < 1 || cost > 65535:
			v.Add(join(at+".costs", n), "seen %d, want 1 to 65535 (RFC 2328, C.3)", cost)
		}
	}
	if o.RouterID.IsValid() && (!o.RouterID.Is4() || o.RouterID.IsUnspecified()) {
		v.Add(at+".routerID", "seen %s, want four octets such as 10.255.0.1 (RFC 2328, C.1)", o.RouterID)
	}
	v.seconds(at+".helloInterval", o.HelloInterval, 65535)
	v.seconds(at+".deadInterval", o.DeadInterval, 65535)
	if o.DeadInterval <= o.HelloInterval {
		v.Add(at+".deadInterval", "seen %s, want more than the Hello interval of %s (RFC 2328, C.3)", o.DeadInterval, o.HelloInterval)
	}
	if o.BFD != nil {
		v.bfdTimes(at+".bfd", o.BFD)
		if o.BFD.Multihop {
			v.Add(at+".bfd.multihop", "seen it with ospf, whose neighbours are on the same link, want no multihop")
		}
	}
	v.ospfNeighbours(at, r)
}

// ownNetwork checks that a router is on a network.
func (v *Validation) ownNetwork(at string, r *Router, n string) {
	if v.Network(at, n) && !v.on(r, n) {
		v.Add(at, "seen %s, want a network of %s: %s", n, r.Name, list(r.Networks))
	}
}

// ospfNeighbours checks that the routers on a network agree: routers with different values never become neighbours
// (RFC 2328, 10.5).
func (v *Validation) ospfNeighbours(at string, r *Router) {
	o := r.OSPF
	for i := range v.spec.Routers {
		other := &v.spec.Routers[i]
		if other.Name == r.Name {
			return // each pair once
		}
		j := slices.IndexFunc(o.Networks, other.RunsOn)
		if j < 0 {
			continue
		}
		for _, f := range []struct {
			field      string
			same       bool
			seen, want any
		}{
			{"area", o.Area == other.OSPF.Area, o.Area, other.OSPF.Area},
			{"helloInterval", o.HelloInterval == other.OSPF.HelloInterval, o.HelloInterval, other.OSPF.HelloInterval},
			{"deadInterval", o.DeadInterval == other.OSPF.DeadInterval, o.DeadInterval, other.OSPF.DeadInterval},
		} {
			if !f.same {
				v.Add(at+"."+f.field, "seen %v, want %v, as %s has on %s: else they never become neighbours (RFC 2328, 10.5)", f.seen, f.want, other.Name, o.Networks[j])
			}
		}
		if (o.BFD == nil) != (other.OSPF.BFD == nil) {
			v.Add(at+".bfd", "seen BFD at one end of %s only, want it at %s and %s", o.Networks[j], other.Name, r.Name)
		}
		if o.RouterID.IsValid() && o.RouterID == other.OSPF.RouterID {
			v.Add(at+".routerID", "seen %s, which %s has, want another number", o.RouterID, other.Name)
		}
	}
}
