package scenario

import (
	"net/netip"
	"slices"
	"strings"
)

// Fault checks that one kind is set, that its target exists, and that the fault has the fields of its kind and no others.
func (v *Validation) Fault(path string, f Fault) {
	var names []string
	var set []bool
	for _, verb := range f.verbs() {
		names, set = append(names, verb.name), append(set, verb.node != "")
	}
	if !v.ExactlyOne(path, strings.Join(names, ", "), set...) {
		return
	}
	kind, _ := f.About()
	_, node := f.Verb()
	v.faultTarget(path+"."+string(kind.Kind), kind, node)
	for _, o := range f.options() {
		v.faultField(path, kind, o)
	}
	if on := v.networksOf(node); kind.OneLink && f.Network == "" && len(on) > 1 {
		v.Add(path+".network", "seen nothing, want the network of %s", kind.Kind)
	}
	if f.Network != "" && kind.May("network") {
		v.LinkOf(path+".network", node, f.Network)
	}
	if f.Peer != "" {
		v.faultPeer(path+".peer", kind, node, f.Peer)
	}
	if r := v.spec.Router(node); r != nil && kind.On == FaultOnRouter {
		v.faultOfSpeaker(path, kind, r, f.Peer)
	}
	if f.Rate != "" {
		if _, err := ParseRate(f.Rate); err != nil {
			v.Add(path+".rate", "%v", err)
		}
	}
	if f.Jitter > f.Delay && f.Delay > 0 {
		v.Add(path+".jitter", "seen %s, want at most the delay, %s", f.Jitter, f.Delay)
	}
}

// faultTarget checks that the scenario has the target, and that the target is of the kind's sort.
func (v *Validation) faultTarget(at string, kind AboutFault, name string) {
	check := func(sort string, known []string) {
		if !slices.Contains(known, name) {
			v.Unknown(at, name, sort, known)
		}
	}
	switch {
	case kind.Everywhere && name == AllNodes && v.spec.Cluster != nil:
	case kind.Kind == "drain":
		check("worker", slices.DeleteFunc(v.spec.NodeNames(), func(n string) bool { return strings.HasPrefix(n, "control-plane") }))
	case kind.On == FaultOnClusterNode:
		check("node", v.spec.NodeNames())
	case kind.On == FaultOnRouter:
		check("router", v.routerNames())
	case kind.On == FaultOnWorkload:
		v.Workload(at, name)
	case kind.On == FaultOnLease:
		if v.spec.Cluster == nil {
			v.Add(at, "seen a fault of a lease, want a spec.cluster that has leases")
		}
	default:
		check("client, router, node or gateway's guard", v.disturbable())
	}
}

// disturbable are all nodes of the lab.
func (v *Validation) disturbable() []string { return append(v.Senders(), v.Guards()...) }

// faultField checks that a field is set if the kind needs the field, and unset if the kind does not take the field.
func (v *Validation) faultField(path string, kind AboutFault, o faultField) {
	at := path + "." + o.name
	switch set := !o.value.IsZero(); {
	case !set && slices.Contains(kind.Needs, o.name):
		v.Add(at, "seen nothing, want the %s of %s", o.name, kind.Kind)
	case !set || kind.May(o.name):
	case o.name == "for":
		v.Add(at, "seen %s with %s, want it with a fault that lasts: %s is over at once", o, kind.Kind, kind.Kind)
	default:
		var with []string
		for _, a := range FaultKinds() {
			if a.May(o.name) {
				with = append(with, string(a.Kind))
			}
		}
		v.Add(at, "seen %q with %s, want it with %s only", o.String(), kind.Kind, strings.Join(with, ", "))
	}
}

// faultPeer checks that the scenario has the peer, and that the peer is of the kind's sort.
func (v *Validation) faultPeer(at string, kind AboutFault, node, peer string) {
	_, err := netip.ParseAddr(peer)
	isAddress := err == nil
	switch known := v.disturbable(); kind.Peers {
	case FaultPeerNode:
		if !slices.Contains(known, peer) || peer == node {
			v.Add(at, "seen %q, want another node of the scenario: %s", peer, list(known))
		}
	case FaultPeerNeighbor:
		if !isAddress && !slices.Contains(known, peer) && v.spec.Gateway(peer) == nil {
			v.Add(at, "seen %q, want an address, a gateway or another node of the scenario: %s", peer, list(known))
		}
	case FaultPeerSpeaker:
		speakers := append(v.routerNames(), v.spec.NodeNames()...)
		// The groups of sessions that nodes open are nodes, nodes6 and nodes-NETWORK.
		if !isAddress && !slices.Contains(speakers, peer) && !strings.HasPrefix(peer, AllNodes) {
			v.Add(at, "seen %q, want %q, an address or a speaker of the scenario: %s", peer, AllNodes, list(speakers))
		}
	case FaultWithoutPeer: // reported by faultField
	}
}

// faultOfSpeaker checks that the router has BGP sessions, and that its software can shut them down.
func (v *Validation) faultOfSpeaker(path string, kind AboutFault, r *Router, peer string) {
	at := path + "." + string(kind.Kind)
	if r.BGP == nil {
		v.Add(at, "seen %q, want a router that speaks BGP", r.Name)
		return
	}
	dialled := slices.ContainsFunc(r.BGP.Peers, func(p Peer) bool { return p.Nodes != "" })
	switch shut := kind.Kind == "bgpShut" && dialled; {
	case shut && !v.Able(r, ShutsNodes) && (peer == "" || peer == AllNodes):
		v.Add(at, "seen %q, whose %s takes peers of a range again as soon as they dial, want {drop: %s, proto: bgp}", r.Name, r.Software, r.Name)
	case shut && slices.Contains(v.spec.NodeNames(), peer):
		v.Add(path+".peer", "seen %q, which opens its session itself, want %q, all of them, or {drop: %s, proto: bgp, peer: %s}", peer, AllNodes, r.Name, peer)
	}
}

// LinkOf checks that a node has an interface on a network.
func (v *Validation) LinkOf(path, node, network string) {
	if !v.Network(path, network) {
		return
	}
	if on := v.networksOf(node); on != nil && !slices.Contains(on, network) {
		v.Add(path, "seen %q, on which %s has no link, want one of: %s", network, node, list(on))
	}
}

// networksOf are the networks that a node has links on; nil if the scenario does not say so.
func (v *Validation) networksOf(node string) []string {
	if r := v.spec.Router(node); r != nil {
		return r.Networks
	}
	for _, c := range v.spec.Clients {
		if c.Name == node {
			return []string{c.Network}
		}
	}
	for _, g := range v.spec.Gateways {
		for _, m := range g.Members {
			if r := v.spec.Router(m); r != nil && m+"-"+g.Name == node {
				return r.Networks
			}
		}
	}
	if v.spec.Cluster == nil || !slices.Contains(v.spec.NodeNames(), node) {
		return nil
	}
	if rack := v.spec.Cluster.RackOf(node); rack != nil {
		return []string{rack.Network}
	}
	return []string{v.spec.Cluster.Network}
}
