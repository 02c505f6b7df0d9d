package frr

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

// daemonsFile lists the daemons that FRR's scripts start, with options. bgpd's BMP module lets a monitoring station
// watch bgpd; the module does nothing until configured.
//
// The port of bgpd is an option of the daemon.
func daemonsFile(r plan.Router) string {
	port := ""
	if r.BGP != nil && r.BGP.Port != 0 {
		port = fmt.Sprintf(" -p %d", r.BGP.Port)
	}
	further, options := "", ""
	for _, d := range furtherDaemons(r) {
		further += d + "=yes\n"
		options += d + "_options=\"-A 127.0.0.1\"\n"
	}
	return fmt.Sprintf(`zebra=yes
bgpd=yes
staticd=yes
bfdd=yes
%svtysh_enable=yes
zebra_options="-A 127.0.0.1 -s 90000000"
bgpd_options="-A 127.0.0.1 -M bmp%s"
staticd_options="-A 127.0.0.1"
bfdd_options="-A 127.0.0.1"
%s`, further, port, options)
}

// furtherDaemons are the daemons of the router's interior protocol and of the user's own configuration.
func furtherDaemons(r plan.Router) []string {
	var all []string
	if r.OSPF != nil {
		all = append(all, "ospfd")
		if r.HasIPv6() {
			all = append(all, "ospf6d")
		}
	}
	if r.Native == nil {
		return all
	}
	snippets := r.Native.Added
	if r.Native.Whole != nil {
		snippets = append(slices.Clone(snippets), *r.Native.Whole)
	}
	for _, s := range snippets {
		for line := range strings.Lines(s.Text) {
			words := strings.Fields(line)
			if daemon := nativeDaemons[strings.Join(words[:min(2, len(words))], " ")]; daemon != "" && !slices.Contains(all, daemon) {
				all = append(all, daemon)
			}
		}
	}
	return all
}

// nativeDaemons are the daemons by the first words of the lines that only this daemon understands (docs.frrouting.org, one page
// for each daemon). vtysh passes a line to no daemon, and tells nobody, if the daemon does not run.
var nativeDaemons = map[string]string{
	"router ospf": "ospfd", "router ospf6": "ospf6d", "router isis": "isisd", "router openfabric": "fabricd", "router rip": "ripd",
	"router ripng": "ripngd", "router eigrp": "eigrpd", "router babel": "babeld", "mpls ldp": "ldpd", "router pim": "pimd", "ip pim": "pimd",
	"router pim6": "pim6d", "ipv6 pim": "pim6d", "ip nhrp": "nhrpd", "ipv6 nhrp": "nhrpd",
}

const vtyshFile = "service integrated-vtysh-config\n"

// peer is a neighbor or a range of neighbors, in the form for the template's parts.
type peer struct {
	Peer string // the peer in FRR's words: an address, or a peer group
	Name string
	// V6 marks the session's IPv6 routes.
	V6 bool
	// Global marks routes with IPv6 next hops. A peer on the same link sends two next hops (RFC 2545, 3). FRR then takes the
	// global next hop: the global address names the node, and is the same in every router. An unnumbered session has none.
	Global bool
	plan.Peering
}

// called is FRR's word for a neighbor: an address or an interface.
func called(n plan.Neighbor) string {
	if n.Interface != "" {
		return n.Interface
	}
	return n.Address.String()
}

func peerOf(called any, p any, v6 bool) (peer, error) {
	switch p := p.(type) {
	case plan.Neighbor:
		return peer{fmt.Sprint(called), p.Name, v6, (v6 || p.ExtendedNextHop) && p.Interface == "", p.Peering}, nil
	case plan.Range:
		return peer{fmt.Sprint(called), p.Name, v6, v6, p.Peering}, nil
	}
	return peer{}, fmt.Errorf("lab bug: no peer: %T", p)
}

// From names the route map for routes from the peer. The two families of a peer have separate route maps.
func (p peer) From() string { return p.routeMap("from") }

// To names the route map for routes to the peer.
func (p peer) To() string { return p.routeMap("to") }

func (p peer) routeMap(way string) string {
	if p.V6 {
		way += "6"
	}
	if p.Unnumbered != nil { // a router may have several links to the peer
		return way + "-" + p.Peer
	}
	return way + "-" + p.Name
}

// routeMap is the route map for one direction of a session.
type routeMap struct {
	Name    string
	IP      string // ip or ipv6, the prefix of commands
	ASN     uint32 // for the AS path
	Global  bool   // of the two next hops of an IPv6 route, take the global address
	Clauses []scenario.Clause
}

// mapsOf returns the route maps of a session for an IP family: for routes from the peer, and for routes to the peer.
func mapsOf(r plan.Router, called, of any, v6 bool) ([]routeMap, error) {
	p, err := peerOf(called, of, v6)
	if err != nil {
		return nil, err
	}
	one := routeMap{IP: "ip", ASN: cmp.Or(p.LocalASN, r.BGP.ASN)}
	if v6 {
		one.IP = "ipv6"
	}
	var all []routeMap
	if p.Import != nil || p.Global {
		in := one
		in.Name, in.Global, in.Clauses = p.From(), p.Global, p.Import.Clauses(p.V6)
		all = append(all, in)
	}
	if p.Export != nil {
		out := one
		out.Name, out.Clauses = p.To(), p.Export.Clauses(p.V6)
		all = append(all, out)
	}
	return all, nil
}

// unit is the part of an IP family in the configuration (address-family).
type unit struct {
	plan.Router
	V6 bool
}

// units returns the parts of the router's families. IPv4 is always among them.
func units(r plan.Router) []unit {
	all := []unit{{r, false}}
	if r.BGP.Carries(true) {
		all = append(all, unit{r, true})
	}
	return all
}

// Name is FRR's word for the family.
func (u unit) Name() string {
	if u.V6 {
		return "ipv6"
	}
	return "ipv4"
}

// Prefixes returns the prefixes of the family.
func (u unit) Prefixes(all []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(all), func(p netip.Prefix) bool { return p.Addr().Is6() != u.V6 })
}

// lengths is a prefix with bounds of the length in FRR's words. FRR takes only a ge that is longer than the prefix.
func lengths(m scenario.PrefixMatch) (string, error) {
	within, least, most, err := m.Parse()
	text := within.String()
	if least > within.Bits() {
		text += fmt.Sprintf(" ge %d", least)
	}
	if most > least || least > within.Bits() {
		text += fmt.Sprintf(" le %d", most)
	}
	return text, err
}

// restartTimes returns the times of graceful restart. FRR has the same times for all peers; Validate refuses different ones.
func restartTimes(s plan.Speaker) scenario.PeerRestart {
	var out scenario.PeerRestart
	add := func(p plan.Peering) {
		if g := p.GracefulRestart; g != nil {
			out.RestartTime, out.StalePathTime = max(out.RestartTime, g.RestartTime), max(out.StalePathTime, g.StalePathTime)
		}
	}
	for _, n := range s.Neighbors {
		add(n.Peering)
	}
	for _, r := range s.Ranges {
		add(r.Peering)
	}
	return out
}

// profiles returns the peers with BFD, one peer for each name: the sessions of both families share a profile.
func profiles(s plan.Speaker) []peer {
	var found []peer
	add := func(name string, p plan.Peering) {
		if p.BFD != nil && !slices.ContainsFunc(found, func(f peer) bool { return f.Name == name }) {
			found = append(found, peer{Name: name, Peering: p})
		}
	}
	for _, r := range s.Ranges {
		add(r.Name, r.Peering)
	}
	for _, n := range s.Neighbors {
		add(n.Name, n.Peering)
	}
	return found
}

// Render makes a router's frr.conf. Two runs on the same plan give the same bytes.
//
// Without graceful restart in the plan, frr.conf disables graceful restart. FRR's default would keep the routes of a
// restarting peer (RFC 4724), and a negative control would then prove nothing.
//
// With graceful restart, bgpd sends routes without a delay: by default, bgpd waits a second for more routes
// (coalesce-time). bgpd 8.4.4 does not delay the End-of-RIB in the same way. A restarting peer would take the early
// End-of-RIB for the end of all routes, and would delete the kept routes before the same routes arrive.
func Render(r plan.Router) (string, error) { return native.Join(r, "!\nend\n", render) }

func render(r plan.Router) (string, error) {
	t, err := template.New("frr.conf.tmpl").Funcs(template.FuncMap{
		"seconds":      func(d time.Duration) int { return max(1, int(d/time.Second)) },
		"nextHopSelf":  nexthop.Self,
		"milliseconds": func(d scenario.Duration) int64 { return d.Std().Milliseconds() },
		"profiles":     profiles,
		"peer":         peerOf,
		"maps":         mapsOf,
		"lengths":      lengths,
		"restartTimes": restartTimes,
		"repeat":       func(n int, asn uint32) string { return strings.TrimSpace(strings.Repeat(fmt.Sprint(asn, " "), n)) },
		"reveal":       reveal.Password,
		"units":        units,
		"called":       called,
		"families":     plan.Families,
	}).ParseFS(templates, "*.tmpl")
	if err != nil {
		return "", fmt.Errorf("lab bug: template of frr.conf: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return "", fmt.Errorf("frr.conf of %s: %w", r.Name, err)
	}
	return b.String(), nil
}
