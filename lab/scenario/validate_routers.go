package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

func (v *Validation) routers() {
	for i, r := range v.spec.Routers {
		path := fmt.Sprintf("spec.routers[%d]", i)
		v.NotEmpty(path+".networks", len(r.Networks))
		v.Repeated(path+".networks", r.Networks)
		for j, n := range r.Networks {
			v.Network(fmt.Sprintf("%s.networks[%d]", path, j), n)
		}
		v.loopbacks(path+".loopbacks", r.Loopbacks)
		v.staticRoutes(path+".routes", r.Routes, r.Networks, "")
		if r.BGP != nil {
			v.ASN(path+".bgp.asn", r.BGP.ASN)
			v.holdTime(path+".bgp.holdTime", r.BGP.HoldTime)
			v.peers(path+".bgp.peers", &v.spec.Routers[i])
			v.announce(path+".bgp.announce", &v.spec.Routers[i])
			v.speakerOptions(path+".bgp", r.BGP)
			v.speakerRoutes(path+".bgp", &v.spec.Routers[i])
		}
		v.ospf(path+".ospf", &v.spec.Routers[i])
		v.native(path, &v.spec.Routers[i])
		v.software(path, &v.spec.Routers[i])
	}
}

// ASN refuses reserved AS numbers.
func (v *Validation) ASN(path string, asn uint32) {
	switch asn {
	case 0:
		v.Add(path, "seen 0, which is reserved (RFC 7607), want a number such as 64512")
	case 23456:
		v.Add(path, "seen 23456, which stands for 4-octet numbers (AS_TRANS, RFC 6793), want a number such as 64512")
	case 65535, 4294967295:
		v.Add(path, "seen %d, which is reserved (RFC 7300), want a number such as 64512", asn)
	}
}

// holdTime checks RFC 4271, 4.2: whole seconds in 16 bits, and at least three seconds.
func (v *Validation) holdTime(path string, d Duration) {
	if d.Std() < 3*time.Second || d.Std() > 65535*time.Second || d.Std()%time.Second != 0 {
		v.Add(path, "seen %s, want whole seconds from 3s to 65535s (RFC 4271, 4.2)", d)
	}
}

func (v *Validation) peers(path string, r *Router) {
	var seen []string
	for j, p := range r.BGP.Peers {
		at := fmt.Sprintf("%s[%d]", path, j)
		if !v.ExactlyOne(at, "nodes, router, address, listen", p.isNodes(), p.Router != "", p.Address.IsValid(), p.Listen.IsValid()) {
			continue
		}
		key := p.Router
		switch {
		case p.isNodes():
			key = "all nodes"
			v.nodesPeer(at, r, p)
		case p.Listen.IsValid():
			key = p.Listen.String()
			v.listenPeer(at, r, p)
		case p.Address.IsValid():
			key = p.Address.String()
			v.addressPeer(at, p)
		default:
			if link := p.link(); link != "" {
				key += " on " + link
			}
			v.routerPeer(at, r, p)
		}
		if p.Sessions != 0 && !p.Listen.IsValid() {
			v.Add(at+".sessions", "seen it without listen, want it in an entry with listen")
		}
		v.peering(at, r, p)
		if slices.Contains(seen, key) {
			v.Add(at, "seen %s twice, want one peer entry for each", key)
		}
		seen = append(seen, key)
	}
}

// nodesPeer checks that the router reaches the cluster's nodes, and that the nodes speak BGP with the router.
func (v *Validation) nodesPeer(at string, r *Router, p Peer) {
	cluster, all := v.spec.Cluster, "all"
	if cluster == nil {
		v.Add(at+".nodes", "seen all, want a spec.cluster whose nodes they are")
		return
	}
	if !p.Nodes.All() {
		all = list(p.Nodes)
		v.Nodes(at+".nodes", p.Nodes)
	}
	if !p.Loopback && !slices.ContainsFunc(cluster.nodeNetworks(), func(n string) bool { return v.on(r, n) }) {
		v.Add(at+".nodes", "seen %s, want router %s on the cluster's network %s too, or loopback: true at both ends, or a peer by address with updateSource", all, r.Name, list(cluster.nodeNetworks()))
	}
	n := v.spec.NodeSpeaker()
	if n == nil && p.ASN != 0 && slices.ContainsFunc(v.spec.Addons, func(a Addon) bool { return slices.Contains(a.Roles(), RoleBGP) }) {
		return // the user's own speaker
	}
	if n == nil && cluster.Provider == ProviderExisting {
		if p.ASN == 0 {
			v.Add(at+".asn", "seen nothing, want the nodes' AS number: no object of the cluster names it")
		}
		return
	}
	if n == nil {
		v.Add(at+".nodes", "seen %s, want an addon that speaks BGP on the nodes, such as cilium with bgp", all)
		return
	}
	switch asns := n.ASNs(r.Name, v.spec.NodeNames()); {
	case len(n.Instances) == 0 && p.ASN != n.ASN:
		v.Add(at+".asn", "seen %d, want %d, the nodes' own (%s.asn)", p.ASN, n.ASN, n.Path)
	case len(asns) > 1 && p.ASN != 0:
		v.Add(at+".asn", "seen %d for nodes of several AS numbers, want it left out", p.ASN)
	case len(asns) > 1 && slices.Contains(asns, r.BGP.ASN) && len(cluster.Racks) == 0:
		v.Add(at+".nodes", "seen internal and external nodes in one entry, want nodes of other AS numbers than %d", r.BGP.ASN)
	case len(asns) > 1 && len(cluster.Racks) == 0:
		v.Needs(at+".nodes", r, TakesSeveralASNs, string(r.Software)+" with nodes of several AS numbers")
	case len(asns) == 1 && p.ASN != asns[0]:
		v.Add(at+".asn", "seen %d, want %d, the nodes' own (%s.instances)", p.ASN, asns[0], n.Path)
	}
	if r.Name != "" && cluster.Provider != ProviderExisting && !slices.ContainsFunc(n.AllPeers(), func(p NodePeer) bool { return p.Router == r.Name }) {
		v.Add(at+".nodes", "seen %s, want %s among %s.peers too: sessions need both ends", all, r.Name, n.Path)
	}
}

// routerPeer checks that the other router exists, is in reach, and peers with this router.
func (v *Validation) routerPeer(at string, r *Router, p Peer) {
	other := v.spec.Router(p.Router)
	switch {
	case p.Router == r.Name:
		v.Add(at+".router", "seen %q, the router itself, want another router", p.Router)
		return
	case other == nil:
		var known []string
		for _, o := range v.spec.Routers {
			if o.Name != r.Name {
				known = append(known, o.Name)
			}
		}
		v.Unknown(at+".router", p.Router, "router", known)
		return
	case !p.Loopback && len(r.Networks) > 0 && !slices.ContainsFunc(r.Networks, func(n string) bool { return v.on(other, n) }):
		v.Add(at+".router", "seen %q, which shares no network with %s, want one that does, or loopback: true at both ends with routes to the loopbacks", p.Router, r.Name)
	}
	if other.IsNative() { // its configuration may have the other end, in the software's language
		if p.ASN == 0 {
			v.Add(at+".asn", "seen nothing, want the ASN of %s, which its native configuration has", other.Name)
		}
		return
	}
	back := other.BGP.towards(r.Name, p.link())
	if back == nil && r.Name == "" {
		return
	}
	if back == nil {
		v.Add(at+".router", "seen %q, which does not peer with %s, want both to: sessions need both ends", p.Router, r.Name)
		return
	}
	if asn := cmp.Or(back.LocalASN, other.BGP.ASN); p.ASN != asn {
		v.Add(at+".asn", "seen %d, want %d, the ASN of %s", p.ASN, asn, other.Name)
	}
	if port := cmp.Or(other.BGP.Port, 179); p.Port != 0 && p.Port != port {
		v.Add(at+".port", "seen %d, want %d, the port of %s", p.Port, port, other.Name)
	}
	if p.Passive && back.Passive {
		v.Add(at+".passive", "seen it at both ends, want one end that dials")
	}
}
