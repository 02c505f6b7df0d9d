package scenario

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// SpeakerOptions are the less common settings of a router's BGP speaker.
type SpeakerOptions struct {
	// RouterID is the speaker's BGP identifier (RFC 6286); default: the router's IPv4 address on the first network.
	RouterID netip.Addr `json:"routerID,omitempty,omitzero" jsonschema:"example=10.255.0.1"`
	// Port is the TCP port of the speaker; default 179.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535"`
	// AnnounceStatic lists prefixes that the router advertises to all peers. A prefix without a static route of the router
	// (routes) gets a blackhole route.
	AnnounceStatic []netip.Prefix `json:"announceStatic,omitempty" jsonschema:"example=203.0.113.0/24,example=2001:db8:9::/48"`
	// Aggregates are prefixes that the router advertises while the router has a longer route inside (RFC 4271, 9.2.2.2).
	Aggregates []Aggregate `json:"aggregates,omitempty"`
	// Table makes the router a generator of many routes.
	Table *Table `json:"table,omitempty"`
}

// Aggregate is a prefix that stands for the longer routes inside.
type Aggregate struct {
	Prefix netip.Prefix `json:"prefix" jsonschema:"example=10.0.0.0/8,example=2001:db8::/32"`
	// SummaryOnly withholds the longer routes; default false.
	SummaryOnly bool `json:"summaryOnly,omitempty"`
}

// SessionOptions are the less common settings of a session.
type SessionOptions struct {
	// LocalASN is the router's AS number in this session instead of the router's own: the peer sees only LocalASN (RFC 7705;
	// FRR: local-as no-prepend replace-as). The peer must be external.
	LocalASN uint32 `json:"localASN,omitempty" jsonschema:"minimum=1,maximum=4294967295"`
	// AllowASIn accepts routes with the router's own ASN in the AS path, up to that many times; unset: such routes are loops
	// (RFC 4271, 9.1.2).
	AllowASIn int `json:"allowASIn,omitempty" jsonschema:"minimum=1,maximum=10"`
	// Passive makes the router wait for the peer's connection (RFC 4271, 8.1.1); default false. One end must dial.
	Passive bool `json:"passive,omitempty"`
	// Port is the TCP port of the peer; default: the port of the other router's speaker, else 179.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535"`
	// Loopback makes the session run between the first loopbacks of both routers (routers[].loopbacks) instead of the shared
	// network's addresses; default false. Both ends must have loopback, and a route to the other's loopback. An external peer
	// needs multihop, too. Nodes dial the router's loopback from their own addresses.
	Loopback bool `json:"loopback,omitempty"`
	// UpdateSource is the router's own address in the session: an address, or lo for the first loopback of the peer's IP family
	// (FRR: update-source; BIRD: source address; GoBGP: local-address). Default: the address towards the peer.
	UpdateSource string `json:"updateSource,omitempty" jsonschema:"example=lo,example=10.255.0.1"`
	// Families are the routes of the session: ipv4, ipv6 or both (RFC 4760; FRR: activate; BIRD: channels; GoBGP: afi-safis).
	// Default: the family of the session's addresses, and two routers of a lab with IPv6 have a session for each family. With
	// families, two routers have one session: over IPv6 if ipv6 is the only family, else over IPv4. Both ends need the same.
	Families []IPFamily `json:"families,omitempty" jsonschema:"enum=ipv4,enum=ipv6"`
	// ExtendedNextHop gives IPv4 routes an IPv6 next hop (RFC 8950; FRR: capability extended-nexthop; BIRD: extended next hop);
	// default false. The session runs over IPv6, with both families unless families says otherwise. Both ends need the same.
	ExtendedNextHop bool `json:"extendedNextHop,omitempty"`
	// Unnumbered makes the session run over an interface, between link-local addresses (FRR: neighbor up1 interface v6only). It
	// implies extendedNextHop. Both ends need the same. With a router as the peer only; several entries for the same router may
	// stand beside each other, each with another link.
	Unnumbered *Unnumbered `json:"unnumbered,omitempty"`
	// AddPath negotiates several paths for a prefix (RFC 7911); default: FRR receives them, the others do not.
	AddPath *AddPath `json:"addPath,omitempty"`
	// DefaultOriginate sends a default route to the peer, whether the router has one or not; default false.
	DefaultOriginate bool `json:"defaultOriginate,omitempty"`
	// Timers are the timers of the session instead of the speaker's.
	Timers *Timers `json:"timers,omitempty"`
	// GracefulRestart is graceful restart in this session (RFC 4724), whatever the speaker's gracefulRestart is.
	GracefulRestart *PeerRestart `json:"gracefulRestart,omitempty"`
}

// Unnumbered is the link of a session without configured addresses.
type Unnumbered struct {
	// Network is a point-to-point network between the two routers.
	Network string `json:"network"`
}

// link returns the network of an unnumbered session; "" for another session.
func (o SessionOptions) link() string {
	if o.Unnumbered == nil {
		return ""
	}
	return o.Unnumbered.Network
}

// AddPath is the router's part in ADD-PATH (RFC 7911).
type AddPath struct {
	Send    bool `json:"send,omitempty"`    // all paths of each prefix are sent; default false
	Receive bool `json:"receive,omitempty"` // several paths of a prefix are accepted; default false, with FRR true
}

// Timers are the timers of a session. The session uses the lower hold time of the two ends.
type Timers struct {
	// HoldTime is whole seconds from 3s to 65535s; default: the speaker's hold time.
	HoldTime Duration `json:"holdTime,omitempty"`
	// Keepalive is the interval of keepalives, whole seconds and shorter than the hold time; default a third of the hold time.
	Keepalive Duration `json:"keepalive,omitempty"`
	// ConnectRetry is the pause between two attempts to connect, whole seconds from 1s to 65535s; default 1s.
	ConnectRetry Duration `json:"connectRetry,omitempty"`
}

// RestartMode is the part of a router in graceful restart.
type RestartMode string

// The modes of graceful restart.
const (
	RestartFull   RestartMode = "full"   // the router asks the peer to keep the router's routes, and keeps the peer's routes
	RestartHelper RestartMode = "helper" // the router keeps the peer's routes
	RestartOff    RestartMode = "off"    // the router does not send the capability
)

// PeerRestart is graceful restart in a session (RFC 4724).
type PeerRestart struct {
	// Mode is full, helper or off; default full.
	Mode RestartMode `json:"mode,omitempty" jsonschema:"enum=full,enum=helper,enum=off"`
	// RestartTime is the time for which the peer keeps the routes until the session is back: whole seconds from 1s to 4095s;
	// default 120s.
	RestartTime Duration `json:"restartTime,omitempty"`
	// StalePathTime is the time for which the router keeps the peer's old routes after the session is back: whole seconds from
	// 1s to 4095s; default: the software's own.
	StalePathTime Duration `json:"stalePathTime,omitempty"`
}

// DefaultRestartTime is the default of RestartTime: FRR's.
const DefaultRestartTime = Duration(120 * time.Second)

// NodeNames selects cluster nodes: a group, or a list of names and groups. An empty list selects none.
type NodeNames []string

// All reports whether every node is selected.
func (n NodeNames) All() bool { return slices.Equal(n, NodeNames{"all"}) }

// Has reports whether a node is selected.
func (n NodeNames) Has(name string) bool { return n.All() || slices.Contains(n, name) }

// MarshalJSON writes the form of the file: "all" or a list.
func (n NodeNames) MarshalJSON() ([]byte, error) {
	if n.All() {
		return json.Marshal("all")
	}
	return json.Marshal([]string(n))
}

// UnmarshalJSON reads the form of MarshalJSON.
func (n *NodeNames) UnmarshalJSON(data []byte) error {
	if string(data) == `"all"` {
		*n = NodeNames{"all"}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(n))
}

// nodeNames decodes a group, or a list of names and groups.
func (d decoder) nodeNames(n *yaml.Node, to *NodeNames, path string) {
	switch {
	case n.Kind == yaml.ScalarNode && isGroup(n.Value):
		*to = NodeNames{n.Value}
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		d.list(n, reflect.ValueOf((*[]string)(to)).Elem(), path, rule{})
	default:
		d.add(path, "seen %s, want all, workers, controlPlanes, or a list of nodes such as [worker, worker2]", seen(n))
	}
}

// isNodes reports whether the peer is nodes of the cluster.
func (p *Peer) isNodes() bool { return len(p.Nodes) > 0 }

// waits reports whether the router waits for the peer's connection, from any address of a range.
func (p *Peer) waits() bool { return p.isNodes() || p.Listen.IsValid() }

// LearnsFromNodes reports whether the router has sessions with nodes of the cluster.
func (b *BGP) LearnsFromNodes() bool {
	return b != nil && slices.ContainsFunc(b.Peers, func(p Peer) bool { return p.isNodes() })
}

// towards returns the entry of a router's peer with that name, or nil. Of several entries with unnumbered sessions, link is the
// network of the wanted entry.
func (b *BGP) towards(router, link string) *Peer {
	if b == nil || router == "" {
		return nil
	}
	var found *Peer
	for i := range b.Peers {
		if p := &b.Peers[i]; p.Router == router && (found == nil || p.link() == link) {
			found = p
		}
	}
	return found
}

func (p *Peer) setDefaults(r *Router, spec *Spec) {
	p.BFD.SetDefaults()
	if p.Unnumbered != nil {
		p.ExtendedNextHop = true
	}
	if p.ExtendedNextHop && p.Families == nil {
		p.Families = []IPFamily{IPv4Family, IPv6Family}
	}
	if other := spec.Router(p.Router); other != nil && other.BGP != nil {
		if back := other.BGP.towards(r.Name, p.link()); back != nil {
			Or(&p.ASN, back.LocalASN)
		}
		Or(&p.ASN, other.BGP.ASN)
		Or(&p.Port, other.BGP.Port)
	}
	if n := spec.NodeSpeaker(); p.isNodes() && n != nil {
		if asns := n.ASNs(r.Name, spec.NodeNames()); len(asns) == 1 {
			Or(&p.ASN, asns[0])
		} else if len(n.Instances) == 0 {
			Or(&p.ASN, n.ASN)
		}
	}
	if t := p.Timers; t != nil {
		Or(&t.HoldTime, r.BGP.HoldTime)
		Or(&t.ConnectRetry, Duration(time.Second))
		Or(&t.Keepalive, Duration(max(time.Second, (t.HoldTime.Std()/3).Truncate(time.Second))))
	}
	if g := p.GracefulRestart; g != nil {
		Or(&g.Mode, RestartFull)
	}
}

func (v *Validation) speakerOptions(path string, b *BGP) {
	if b.RouterID.IsValid() && (!b.RouterID.Is4() || b.RouterID.IsUnspecified()) {
		v.Add(path+".routerID", "seen %s, want four octets such as 10.255.0.1 (RFC 6286, 2.1)", b.RouterID)
	}
}

// speakerRoutes checks the prefixes that the speaker advertises besides the router's networks.
func (v *Validation) speakerRoutes(path string, r *Router) {
	var seen []string
	for i, p := range r.BGP.AnnounceStatic {
		seen = append(seen, p.String())
		at := fmt.Sprintf("%s.announceStatic[%d]", path, i)
		if p.Addr().Is6() && !v.spec.IPv6() {
			v.Add(at, "seen %s in a lab without IPv6, want an IPv4 prefix, or a network with ipv6", p)
		}
	}
	v.Repeated(path+".announceStatic", seen)
	seen = nil
	for _, a := range r.BGP.Aggregates {
		seen = append(seen, a.Prefix.String())
	}
	v.Repeated(path+".aggregates", seen)
	if len(r.BGP.Aggregates) > 0 {
		v.Needs(path+".aggregates", r, AggregatesRoutes, "it with "+string(r.Software))
	}
	v.table(path+".table", r)
}

// source checks the addresses of a session's ends.
func (v *Validation) source(at string, r *Router, p Peer) {
	back, _ := v.otherEnd(r, p)
	other := v.spec.Router(p.Router)
	if p.Loopback {
		switch {
		case p.isNodes():
			v.loopbackOfNodes(at, r, p)
		case other == nil:
			v.Add(at+".loopback", "seen it without a router, want a peer entry {router: NAME} or {nodes: all}")
		case !back.Loopback:
			v.Add(at+".loopback", "seen it at this end only, want it in the peer entry of %s too", p.Router)
		case len(r.Loopbacks) == 0 || len(other.Loopbacks) == 0:
			v.Add(at+".loopback", "seen no loopback of %s or of %s, want loopbacks of both routers", r.Name, other.Name)
		case p.ASN != r.BGP.ASN && p.Multihop == 0:
			v.Add(at+".loopback", "seen it for an external peer without multihop, want multihop of 2 or more")
		}
		if p.UpdateSource != "" {
			v.Add(at+".updateSource", "seen it beside loopback, want one of them")
		}
		return
	}
	if p.UpdateSource == "" || v.Malformed(at) {
		return
	}
	if _, err := netip.ParseAddr(p.UpdateSource); err != nil && p.UpdateSource != "lo" {
		v.Add(at+".updateSource", "seen %q, want lo or an address of the router such as 10.255.0.1", p.UpdateSource)
	}
	if p.UpdateSource == "lo" && len(r.Loopbacks) == 0 {
		v.Add(at+".updateSource", "seen lo, want loopbacks of router %s", r.Name)
	}
	if p.waits() {
		v.Add(at+".updateSource", "seen it for peers that dial, want it for a router or an address")
	}
}

// loopbackOfNodes checks a session of nodes with a router's loopback.
func (v *Validation) loopbackOfNodes(at string, r *Router, p Peer) {
	n := v.spec.NodeSpeaker()
	switch {
	case len(r.Loopbacks) == 0:
		v.Add(at+".loopback", "seen no loopback of %s, want loopbacks of the router", r.Name)
	case n != nil && !slices.ContainsFunc(n.AllPeers(), func(q NodePeer) bool { return q.Router == r.Name && q.Loopback }):
		v.Add(at+".loopback", "seen it at this end only, want it in %s.peers too", n.Path)
	case p.ASN != r.BGP.ASN && p.Multihop == 0:
		v.Add(at+".loopback", "seen it for external nodes without multihop, want multihop of 2 or more")
	}
}

// listenPeer checks a range of addresses.
func (v *Validation) listenPeer(at string, r *Router, p Peer) {
	if p.Listen.Addr().Is6() && !v.spec.IPv6() {
		v.Add(at+".listen", "seen %s in a lab without IPv6, want an IPv4 prefix, or a network with ipv6", p.Listen)
	}
	for _, q := range r.BGP.Peers {
		if q.Listen.IsValid() && q.Listen != p.Listen && q.Listen.Bits() <= p.Listen.Bits() && q.Listen.Overlaps(p.Listen) {
			v.Add(at+".listen", "seen %s inside of %s, want ranges apart", p.Listen, q.Listen)
		}
	}
	if p.ASN == 0 {
		v.Needs(at+".asn", r, TakesSeveralASNs, "a range without an ASN with "+string(r.Software))
		return
	}
	v.ASN(at+".asn", p.ASN)
}

// addressPeer checks the entry of a peer that is no part of the scenario.
func (v *Validation) addressPeer(at string, p Peer) {
	if p.ASN == 0 {
		v.Add(at+".asn", "seen nothing, want the ASN of %s", p.Address)
	}
	if p.Address.Is6() && !v.spec.IPv6() {
		v.Add(at+".address", "seen %s in a lab without IPv6, want an IPv4 address, or a network with ipv6", p.Address)
	}
	v.ASN(at+".asn", max(p.ASN, 1))
}

// sessionOptions checks the less common settings of a session.
func (v *Validation) sessionOptions(at string, r *Router, p Peer) {
	if p.LocalASN != 0 {
		v.ASN(at+".localASN", p.LocalASN)
		switch p.LocalASN {
		case r.BGP.ASN:
			v.Add(at+".localASN", "seen %d, the router's own ASN, want another ASN or none", p.LocalASN)
		case p.ASN:
			v.Add(at+".localASN", "seen %d, the peer's ASN, want an ASN that makes the peer external", p.LocalASN)
		}
	}
	v.source(at, r, p)
	v.families(at, p)
	v.extendedNextHop(at, r, p)
	if a := p.AddPath; a != nil && !a.Send && !a.Receive {
		v.Add(at+".addPath", "seen nothing that is on, want send or receive")
	}
	if p.waits() {
		for _, o := range []struct {
			field string
			set   bool
			why   string
		}{{"passive", p.Passive, "the router waits for them anyway"}, {"port", p.Port != 0, "the peer chooses its port"}} {
			if o.set {
				v.Add(at+"."+o.field, "seen it for peers that dial, want it for a router or an address: %s", o.why)
			}
		}
	}
	if t := p.Timers; t != nil {
		v.holdTime(at+".timers.holdTime", t.HoldTime)
		v.seconds(at+".timers.keepalive", t.Keepalive, 65535)
		v.seconds(at+".timers.connectRetry", t.ConnectRetry, 65535)
		if t.Keepalive >= t.HoldTime {
			v.Add(at+".timers.keepalive", "seen %s, want less than the hold time of %s (RFC 4271, 4.4)", t.Keepalive, t.HoldTime)
		}
	}
	if g := p.GracefulRestart; g != nil {
		v.optionalSeconds(at+".gracefulRestart.restartTime", g.RestartTime, 4095)
		v.optionalSeconds(at+".gracefulRestart.stalePathTime", g.StalePathTime, 4095)
		if g.Mode != RestartFull && g.RestartTime != 0 {
			v.Add(at+".gracefulRestart.restartTime", "seen it with mode %s, want mode full: only then the peer learns the time", g.Mode)
		}
		if g.Mode == RestartOff && g.StalePathTime != 0 {
			v.Add(at+".gracefulRestart.stalePathTime", "seen it with mode off, want mode full or helper")
		}
	}
}

// seconds checks a duration of whole seconds from 1 s to most.
func (v *Validation) seconds(path string, d Duration, most int) {
	if d.Std() < time.Second || d.Std() > time.Duration(most)*time.Second || d.Std()%time.Second != 0 {
		v.Add(path, "seen %s, want whole seconds from 1s to %ds", d, most)
	}
}

func (v *Validation) optionalSeconds(path string, d Duration, most int) {
	if d != 0 {
		v.seconds(path, d, most)
	}
}
