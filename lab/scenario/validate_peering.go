package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// announce checks that a router announces only networks of the router.
func (v *Validation) announce(path string, r *Router) {
	v.Repeated(path, r.BGP.Announce)
	for i, n := range r.BGP.Announce {
		at := fmt.Sprintf("%s[%d]", path, i)
		if v.Network(at, n) && !v.on(r, n) {
			v.Add(at, "seen %q, want a network that router %s is on: %s", n, r.Name, list(r.Networks))
		}
	}
}

// peering checks the settings of the session with a peer: each setting alone, settings that exclude each other, settings for
// internal or external peers only, and settings that both ends must have.
func (v *Validation) peering(at string, r *Router, p Peer) {
	v.policy(at+".import", p.Import)
	v.policy(at+".export", p.Export)
	if p.BFD != nil {
		v.bfd(at+".bfd", r, p)
	}
	if p.Password != "" {
		v.password(at+".password", p)
	}
	if p.Multihop != 0 && p.TTLSecurity != 0 {
		v.Add(at+".ttlSecurity", "seen both multihop and ttlSecurity, want one of them: ttlSecurity says how far away a peer may be, too")
	}
	internal := p.ASN == r.BGP.ASN
	for _, o := range []struct {
		field    string
		set      bool
		internal bool
	}{{"multihop", p.Multihop != 0, false}, {"ttlSecurity", p.TTLSecurity != 0, false}, {"routeReflectorClient", p.RouteReflectorClient, true}} {
		if o.set && o.internal != internal && p.ASN != 0 {
			v.Add(at+"."+o.field, "seen it for a peer of ASN %d, want %s", p.ASN, map[bool]string{true: "an internal peer, of this router's own ASN", false: "an external peer, of another ASN than this router's"}[o.internal])
		}
	}
	v.sessionOptions(at, r, p)
	if back, ok := v.otherEnd(r, p); ok {
		v.bothEnds(at, p, back)
	}
}

// otherEnd returns the other router's entry for the same session.
func (v *Validation) otherEnd(r *Router, p Peer) (Peer, bool) {
	other := v.spec.Router(p.Router)
	if p.Router == "" || other == nil {
		return Peer{}, false
	}
	back := other.BGP.towards(r.Name, p.link())
	if back == nil {
		return Peer{}, false
	}
	return *back, true
}

// bothEnds checks the settings that keep a session down if only one end has the setting. Passwords are not compared, because a
// wrong password is a fault that people look for.
func (v *Validation) bothEnds(at string, p, back Peer) {
	for _, o := range []struct {
		field       string
		here, there bool
	}{{"bfd", p.BFD != nil, back.BFD != nil}, {"password", p.Password != "", back.Password != ""}, {"ttlSecurity", p.TTLSecurity != 0, back.TTLSecurity != 0},
		{"extendedNextHop", p.ExtendedNextHop, back.ExtendedNextHop}, {"unnumbered", p.Unnumbered != nil, p.link() == back.link()}} {
		if o.here && !o.there {
			v.Add(at+"."+o.field, "seen it at this end only, want it in the peer entry of %s too", p.Router)
		}
	}
	if p.Families != nil && !slices.Equal(slices.Sorted(slices.Values(p.Families)), slices.Sorted(slices.Values(back.Families))) {
		v.Add(at+".families", "seen %v, want the same families in the peer entry of %s", p.Families, p.Router)
	}
}

func (v *Validation) bfd(at string, r *Router, p Peer) {
	v.bfdTimes(at, p.BFD)
	if p.isNodes() {
		v.nodesBFD(at, r)
	}
	switch far := p.Multihop != 0 || p.Loopback; {
	case far && !p.BFD.Multihop:
		v.Add(at, "seen single-hop BFD (RFC 5881) in a session with multihop or loopback, want bfd.multihop: true (RFC 5883)")
	case !far && p.BFD.Multihop:
		v.Add(at+".multihop", "seen multihop BFD (RFC 5883) in a session over one hop, want multihop or loopback in the peer entry too")
	case p.BFD.Multihop:
		v.Needs(at+".multihop", r, MultihopBFD, "it with "+string(r.Software))
	}
}

func (v *Validation) bfdTimes(at string, b *BFD) {
	if i := b.Interval.Std(); i < 10*time.Millisecond || i > time.Minute || i%time.Millisecond != 0 {
		v.Add(at+".interval", "seen %s, want whole milliseconds from 10ms to 60s", b.Interval)
	}
}

// password checks the form, and that the speaker of the nodes has passwords.
func (v *Validation) password(at string, p Peer) {
	v.secret(at, p.Password)
	if n := v.spec.NodeSpeaker(); p.isNodes() && n != nil && n.Can&NodePassword == 0 {
		v.Add(at, "seen it for the nodes, whose speaker (%s) has no password, want it for routers only", n.Addon)
	}
}

func (v *Validation) secret(at string, s Secret) {
	if !secretForm.MatchString(string(s)) || strings.HasPrefix(string(s), secretMark) {
		v.Add(at, "seen one that cannot be used (it is not shown), want 1 to 80 letters, digits and ._~+/=-, not beginning with %s", secretMark)
	}
}
