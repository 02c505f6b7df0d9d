package bird

import (
	"cmp"
	"embed"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/template"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/native"
	"skidpad.dev/skidpad/lab/router/internal/nexthop"
	"skidpad.dev/skidpad/lab/router/internal/reveal"
	"skidpad.dev/skidpad/lab/scenario"
)

//go:embed *.tmpl
var templates embed.FS

// Render makes a router's bird.conf. Two runs on the same plan give the same bytes.
//
// Without graceful restart in the plan, bird.conf turns graceful restart off. BIRD's default would keep the routes of a
// restarting peer (RFC 4724), and a negative control would then prove nothing.
func Render(r plan.Router) (string, error) { return native.Join(r, "", render) }

func render(r plan.Router) (string, error) {
	t, err := template.New("bird.conf.tmpl").Funcs(template.FuncMap{
		"seconds":      func(d time.Duration) int { return max(1, int(d/time.Second)) },
		"id":           routerID,
		"protocol":     func(c plan.Carrier) string { return "'" + protocolName(c) + "'" },
		"milliseconds": func(d scenario.Duration) int64 { return d.Std().Milliseconds() },
		"hasBFD":       hasBFD,
		"reveal":       reveal.Password,
		"pair":         pair,
		"families":     families,
		"unnumbered": func(s plan.Speaker) bool {
			return slices.ContainsFunc(s.Neighbors, func(n plan.Neighbor) bool { return n.Interface != "" })
		},
		"session":   sessionOf,
		"condition": condition,
		"times":     func(n int) []struct{} { return make([]struct{}, n) },
	}).ParseFS(templates, "*.tmpl")
	if err != nil {
		return "", fmt.Errorf("lab bug: template of bird.conf: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return "", fmt.Errorf("bird.conf of %s: %w", r.Name, err)
	}
	return b.String(), nil
}

// family is the part of an IP family in the configuration.
type family struct {
	plan.Router
	V6 bool
}

// families returns the router's families. IPv4 is always among them.
func families(r plan.Router) []family {
	all := []family{{r, false}}
	if r.HasIPv6() {
		all = append(all, family{r, true})
	}
	return all
}

func (f family) of(v4, v6 string) string {
	if f.V6 {
		return v6
	}
	return v4
}

// Digit ends the names of the protocols of a family.
func (f family) Digit() string { return f.of("4", "6") }

// Channel is the name of the family's channels.
func (f family) Channel() string { return f.of("ipv4", "ipv6") }

// Announced is the function that selects the routes for peers.
func (f family) Announced() string { return f.of("announced", "announced6") }

// FIB is the name of the protocol that puts routes into the kernel's table.
func (f family) FIB() string { return f.of("fib", "fib6") }

// OSPFVersion is BIRD's word for the version of OSPF.
func (f family) OSPFVersion() string { return f.of("v2", "v3") }

// Paths bounds the ECMP set.
func (f family) Paths() int {
	if f.BGP == nil {
		return scenario.DefaultMaximumPaths
	}
	return f.BGP.MaximumPaths
}

// Default is the prefix of the default route.
func (f family) Default() string { return f.of("0.0.0.0/0", "::/0") }

// Prefixes returns the prefixes of the family.
func (f family) Prefixes(all []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(all), func(p netip.Prefix) bool { return p.Addr().Is6() != f.V6 })
}

// Originates reports whether a peer gets a default route of the family.
func (f family) Originates() bool {
	return slices.ContainsFunc(f.BGP.Neighbors, func(n plan.Neighbor) bool { return n.DefaultOriginate && n.Carries(f.V6) }) ||
		slices.ContainsFunc(f.BGP.Ranges, func(r plan.Range) bool { return r.DefaultOriginate && r.Carries(f.V6) })
}

// session is a session with the speaker's configuration, for the template's parts.
type session struct {
	plan.Peering
	Speaker  *plan.Speaker
	Channels []channel
}

// channel is a session's part for the routes of a family.
type channel struct {
	family
	plan.Peering
	// Recursive resolves next hops by the routing table. Self makes the router name itself as the next hop.
	Recursive, Self bool
}

func sessionOf(r plan.Router, peer plan.Carrier) session {
	s := session{Speaker: r.BGP}
	for _, v6 := range plan.Families(peer) {
		c := channel{family: family{r, v6}}
		switch peer := peer.(type) {
		case plan.Neighbor:
			s.Peering, c.Recursive, c.Self = peer.Peering, peer.ASN == r.BGP.ASN, nexthop.Self(r, peer, v6)
		case plan.Range:
			s.Peering = peer.Peering
		}
		c.Peering = s.Peering
		s.Channels = append(s.Channels, c)
	}
	return s
}

// Clauses returns the steps of a policy of the session, with the ASN for the AS path.
func (c channel) Clauses(p *scenario.RoutePolicy) struct {
	ASN     uint32
	Clauses []scenario.Clause
} {
	return struct {
		ASN     uint32
		Clauses []scenario.Clause
	}{cmp.Or(c.LocalASN, c.BGP.ASN), p.Clauses(c.V6)}
}

// routerID is the plan's router ID. Without BGP the router ID has no effect, but BIRD requires one.
func routerID(r plan.Router) string {
	switch {
	case r.BGP != nil:
		return r.BGP.RouterID.String()
	case r.OSPF != nil:
		return r.OSPF.RouterID.String()
	case len(r.Networks) > 0:
		return r.Networks[0].Address.String()
	}
	return "0.0.0.1"
}

func hasBFD(r plan.Router) bool {
	if r.OSPF != nil && r.OSPF.BFD != nil {
		return true
	}
	s := r.BGP
	return s != nil && (slices.ContainsFunc(s.Neighbors, func(n plan.Neighbor) bool { return n.BFD != nil }) ||
		slices.ContainsFunc(s.Ranges, func(r plan.Range) bool { return r.BFD != nil }))
}

// protocolName returns the name of a peer, or of a range, in BIRD's configuration. The prefix avoids clashes: a
// scenario's name may be a word of BIRD's language. A router may have a session for each family with the same peer.
func protocolName(peer plan.Carrier) string {
	switch peer := peer.(type) {
	case plan.Neighbor:
		if peer.Interface != "" { // a router may have several links to the peer
			return "to-" + peer.Name + "-" + peer.Interface
		}
		if peer.Address.Is6() {
			return "to6-" + peer.Name
		}
		return "to-" + peer.Name
	case plan.Range:
		return "to-" + peer.Name
	}
	return ""
}
