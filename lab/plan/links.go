package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/scenario"
)

// Link is what skidpad makes for a network: the pair of interfaces of a point-to-point link between two containers, an
// interface of a container on a bridge, or a sub-interface of a container on the interface of another network.
type Link struct {
	Network Network
	Ends    []LinkEnd // two, or one on a bridge and of a sub-interface
	// Port is the name of the host's end on a bridge, at most 15 characters.
	Port string
}

// LinkEnd is a container's end of a link. The interface has the network's name.
type LinkEnd struct {
	Place Place
	Attachment
}

// Links lists the links of the lab. A sub-interface comes after the interface below.
func (p *Plan) Links() []Link {
	var all []Link
	for _, n := range p.bottomUp() {
		var ends []LinkEnd
		for _, x := range p.Places() {
			for _, at := range x.Networks {
				if at.Network == n.Name && at.Link && x.Kind != node.KindGateway {
					ends = append(ends, LinkEnd{x, at})
				}
			}
		}
		if n.PointToPoint && len(ends) == 2 {
			all = append(all, Link{Network: n, Ends: ends})
			continue
		}
		for _, e := range ends {
			if len(n.Lower()) > 0 {
				all = append(all, Link{Network: n, Ends: []LinkEnd{e}})
				continue
			}
			all = append(all, Link{Network: n, Ends: []LinkEnd{e}, Port: portName(p.Lab, e.Place.Name, n.Name)})
		}
	}
	return all
}

// bottomUp returns the networks; a network on another network comes after all others.
func (p *Plan) bottomUp() []Network {
	all := slices.Clone(p.Networks)
	slices.SortStableFunc(all, func(a, b Network) int { return len(a.Lower()) - len(b.Lower()) })
	return all
}

// EarlyLinks lists the links of a place that come right after the start of the place's container: all except those to
// cluster nodes, which start late, and the sub-interfaces of such links.
func (p *Plan) EarlyLinks(place string) []string {
	var all, late []string
	for _, l := range p.Links() {
		has := func(of func(Place) bool) bool {
			return slices.ContainsFunc(l.Ends, func(e LinkEnd) bool { return of(e.Place) })
		}
		switch {
		case !has(func(x Place) bool { return x.Name == place }):
		case has(func(x Place) bool { return x.Kind == node.KindCluster }),
			slices.ContainsFunc(l.Network.Lower(), func(n string) bool { return slices.Contains(late, n) }):
			late = append(late, l.Network.Name)
		default:
			all = append(all, l.Network.Name)
		}
	}
	return all
}

// Bridges lists the networks with a bridge.
func (p *Plan) Bridges() []Network {
	return slices.DeleteFunc(slices.Clone(p.Networks), func(n Network) bool { return !n.Bridged() })
}

// BondLinks lists the names of the interfaces of a bond's links; none without a bond.
func (n Network) BondLinks() []string {
	if n.Bond == nil {
		return nil
	}
	var all []string
	for i := 1; i <= n.Bond.Links; i++ {
		all = append(all, scenario.Network{Name: n.Name}.LinkName(i))
	}
	return all
}

// Below lists the devices of the place that carry the network's frames; none for a network with frames of its own.
func (x Place) Below(n Network) []string {
	var all []string
	for _, lower := range n.Lower() {
		all = append(all, x.Device(lower))
	}
	return all
}

// portName returns an interface name of 13 characters.
func portName(lab, place, network string) string {
	sum := sha256.Sum256([]byte(lab + "/" + place + "/" + network))
	return "sl-" + hex.EncodeToString(sum[:bridgeBytes])
}

// Linked reports whether skidpad makes an interface of the place.
func (x Place) Linked() bool { return linked(x.Networks) }

func linked(all []Attachment) bool {
	return slices.ContainsFunc(all, func(a Attachment) bool { return a.Link })
}

// EngineNetworks returns the attachments that the engine makes.
func EngineNetworks(all []Attachment) []Attachment {
	return slices.DeleteFunc(slices.Clone(all), func(a Attachment) bool { return a.Link })
}

// Commands returns shell commands for the place's loopbacks, routes and rules. Every command may run again. The commands
// have no quotes.
func (x Place) Commands() []string {
	var all []string
	for _, c := range ipCalls(x.Loopbacks, x.Routes) {
		all = append(all, "ip "+c)
	}
	for _, r := range x.Rules {
		all = append(all, fmt.Sprintf("ip %[1]s rule show priority %[2]d | grep -q . || ip %[1]s rule add %[3]s", r.family(), r.Priority, r))
	}
	return all
}

// StartCalls returns the calls of ip(8) at the start of the router's container. Routes may need links, and links come after
// the start.
func (r Router) StartCalls() []string {
	if linked(r.Networks) {
		return ipCalls(r.Loopbacks, nil)
	}
	return ipCalls(r.Loopbacks, r.Routes)
}

// StartCalls returns the calls of ip(8) at the start of the client's container.
func (c Client) StartCalls() []string {
	if linked(c.Attachments()) {
		return nil
	}
	return ipCalls(nil, c.AllRoutes())
}

// Look returns a shell script that prints a line for each missing interface, loopback, route and rule of the place; empty
// if the plan has none.
func (x Place) Look() string {
	var b strings.Builder
	for _, a := range x.Networks {
		if a.Link {
			fmt.Fprintf(&b, "[ \"$(cat /sys/class/net/%[1]s/carrier 2>/dev/null)\" = 1 ] || echo 'link %[1]s is missing or has no carrier'\n", a.Network)
		}
		for _, l := range a.BondLinks {
			fmt.Fprintf(&b, "grep -qw %[1]s /sys/class/net/%[2]s/bonding/slaves && [ \"$(cat /sys/class/net/%[1]s/carrier)\" = 1 ] || echo 'link %[1]s of bond %[2]s is missing or has no carrier'\n", l, a.Network)
		}
		if a.VLAN != 0 {
			fmt.Fprintf(&b, "ip -d link show dev %[1]s 2>&1 | grep -qF 'vlan protocol 802.1Q id %[2]d ' || echo 'VLAN %[2]d on %[1]s is missing'\n", a.Network, a.VLAN)
		}
	}
	for _, p := range x.Loopbacks {
		fmt.Fprintf(&b, "ip -o addr show dev lo | grep -qF ' %[1]s ' || echo 'address %[1]s on lo is missing'\n", p)
	}
	for _, r := range x.Routes {
		family, table := "-4", "main"
		if r.To.Addr().Is6() {
			family = "-6"
		}
		if r.Table != 0 {
			table = fmt.Sprint(r.Table)
		}
		words := []string{"blackhole"}
		if len(r.Hops) > 0 {
			words = nil
		}
		for _, h := range r.Hops {
			words = append(words, h.words())
		}
		for _, w := range words {
			fmt.Fprintf(&b, "ip %s route show exact %s table %s 2>&1 | grep -qF '%s' || echo 'route %s is missing'\n", family, r.To, table, w, r)
		}
	}
	for _, r := range x.Rules {
		fmt.Fprintf(&b, "ip %s rule show priority %d | grep -qF 'lookup %d' || echo 'rule %s is missing'\n", r.family(), r.Priority, r.Table, r)
	}
	return b.String()
}

// Impairment returns the impairment of a network, or nil.
func (p *Plan) Impairment(network string) *scenario.Impairment {
	for _, n := range p.Networks {
		if n.Name == network {
			return n.Impairment
		}
	}
	return nil
}

// Device returns the name of the place's interface on a network. A cluster node has eth0 on the first network; every other
// interface has the network's name.
func (x Place) Device(network string) string {
	if x.Kind == node.KindCluster && x.Networks[0].Network == network {
		return NodeDevice
	}
	return network
}
