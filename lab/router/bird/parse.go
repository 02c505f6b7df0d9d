package bird

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/router"
)

// BIRD has no output for programs. birdc's output is stable over 2.0, and bird.conf sets the form of times.

// clock is the form of times that bird.conf sets.
const clock = "2006-01-02 15:04:05.000"

// protocol is an entry of `show protocols all`. The lines below the first line are the fields.
type protocol struct {
	kind   string // BGP, Kernel, Device …
	since  time.Time
	fields map[string]string
	// received and sent count the routes of all channels.
	received, sent int
	peer           string // the peer's host name, if known
}

var protocolLine = regexp.MustCompile(`^(\S+) +([A-Z]\S*) +\S+ +(?:up|down|start|stop|flush) +(\S+ \S+)`)

// parseProtocols reads `show protocols all`, by name.
func parseProtocols(data []byte) map[string]protocol {
	all := map[string]protocol{}
	name := ""
	for line := range lines(data) {
		if m := protocolLine.FindStringSubmatch(line); m != nil {
			name = m[1]
			since, _ := time.Parse(clock, m[3])
			all[name] = protocol{kind: m[2], since: since, fields: map[string]string{}}
			continue
		}
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		p, known := all[name]
		if !ok || !known || !strings.HasPrefix(line, "  ") {
			continue
		}
		value = strings.TrimSpace(value)
		switch key {
		case "Routes":
			p.received += count(imported, value)
			p.sent += count(exported, value)
		case "Hostname":
			p.peer = value
		default:
			if _, again := p.fields[key]; !again { // a channel also has a State
				p.fields[key] = value
			}
		}
		all[name] = p
	}
	return all
}

func lines(data []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
			if !yield(s.Text()) {
				return
			}
		}
	}
}

// addressOf reads an address, perhaps with an interface: fe80::1%up1.
func addressOf(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	return a.WithZone(""), err
}

var (
	statusID   = regexp.MustCompile(`(?m)^Router ID is (\S+)`)
	serverTime = regexp.MustCompile(`(?m)^Current server time is (.+)$`)
	timer      = regexp.MustCompile(`/([0-9.]+)$`)
	imported   = regexp.MustCompile(`([0-9]+) imported`)
	exported   = regexp.MustCompile(`([0-9]+) exported`)
)

// parseRouterID reads `show status`; the address is invalid if the output has no router ID.
func parseRouterID(data []byte) netip.Addr {
	if m := statusID.FindSubmatch(data); m != nil {
		if a, err := netip.ParseAddr(string(m[1])); err == nil {
			return a
		}
	}
	return netip.Addr{}
}

// bfdLine is a line of `show bfd sessions`: address, interface, state.
var bfdLine = regexp.MustCompile(`(?m)^([0-9a-fA-F.:]+) +\S+ +(AdminDown|Down|Init|Up) `)

// parseBFD reads `show bfd sessions`: the states by peer.
func parseBFD(data []byte) map[netip.Addr]string {
	states := map[netip.Addr]string{}
	for _, m := range bfdLine.FindAllSubmatch(data, -1) {
		if peer, err := addressOf(string(m[1])); err == nil {
			states[peer] = string(m[2])
		}
	}
	return states
}

// parseSessions reads `show status`, `show protocols all` and perhaps `show bfd sessions`. A protocol that waits for peers
// of a range is no session.
func parseSessions(router string, data []byte) ([]bgp.Session, error) {
	m := serverTime.FindSubmatch(data)
	if m == nil {
		return nil, fmt.Errorf("birdc show status: it tells no time; it begins %.120q", data)
	}
	now, err := time.Parse(clock, string(m[1]))
	if err != nil {
		return nil, fmt.Errorf("birdc show status: %w", err)
	}
	var out []bgp.Session
	bfd := parseBFD(data)
	for name, p := range parseProtocols(data) {
		peer, err := addressOf(p.fields["Neighbor address"])
		if p.kind != "BGP" || err != nil {
			continue
		}
		s, err := p.session(router, peer, now)
		if err != nil {
			return nil, fmt.Errorf("birdc show protocols all, %s: %w", name, err)
		}
		s.BFD = bfd[peer]
		out = append(out, s)
	}
	bgp.SortSessions(out)
	return out, nil
}

func (p protocol) session(router string, peer netip.Addr, now time.Time) (bgp.Session, error) {
	s := bgp.Session{Router: router, Peer: peer, PeerName: p.fields["Description"]}
	if s.PeerName == "" {
		s.PeerName = p.peer
	}
	for name, to := range map[string]*uint32{"Neighbor AS": &s.PeerASN, "Local AS": &s.LocalASN} {
		asn, err := strconv.ParseUint(p.fields[name], 10, 32)
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		*to = uint32(asn)
	}
	// BIRD has more states than the RFC: Down, Close, Passive.
	s.State, _ = bgp.ParseState(p.fields["BGP state"])
	if s.State != bgp.Established {
		s.Reason = p.fields["Last error"]
		return s, nil
	}
	s.Uptime = max(0, now.Sub(p.since))
	s.HoldTime, s.Keepalive = p.timer("Hold timer"), p.timer("Keepalive timer")
	s.PrefixesReceived, s.PrefixesSent = p.received, p.sent
	return s, nil
}

// timer returns the configured value of a timer: 9 s for 6.946/9.
func (p protocol) timer(name string) time.Duration {
	if m := timer.FindStringSubmatch(p.fields[name]); m != nil {
		if seconds, err := strconv.ParseFloat(m[1], 64); err == nil {
			return time.Duration(seconds * float64(time.Second))
		}
	}
	return 0
}

func count(what *regexp.Regexp, routes string) int {
	if m := what.FindStringSubmatch(routes); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return n
		}
	}
	return 0
}

var (
	// A prefix begins a route. Further paths of the same route have no prefix.
	pathLine = regexp.MustCompile(`^(\S+)? +(unicast|unreachable|blackhole|prohibited) \[(\S+) [^\]]*\]( \*)?`)
	viaLine  = regexp.MustCompile(`^\tvia (\S+) on (\S+)`)
	attrLine = regexp.MustCompile(`^\tBGP\.([a-z_]+): (.*)$`)
)

// parseRIB reads `show route all` of BGP's routes, and `show route export fib`. The first output has every path, the
// second the next hops that BIRD gives to the kernel.
func parseRIB(protocols map[string]protocol, paths, used []byte) ([]bgp.Route, error) {
	routes, err := parseRoutes(protocols, paths)
	if err != nil {
		return nil, err
	}
	given, err := parseRoutes(protocols, used)
	if err != nil {
		return nil, err
	}
	kernel := map[netip.Prefix][]bgp.NextHop{} // a full table has a million prefixes
	for _, g := range given {
		if _, again := kernel[g.Prefix]; !again {
			kernel[g.Prefix] = g.NextHops
		}
	}
	for i, r := range routes {
		routes[i].NextHops = kernel[r.Prefix]
		best := slices.IndexFunc(r.Paths, func(p bgp.Path) bool { return p.Best })
		for j := range r.Paths {
			p := &routes[i].Paths[j]
			p.Multipath = best >= 0 && !p.Best && p.Internal == r.Paths[best].Internal && slices.ContainsFunc(routes[i].NextHops,
				func(h bgp.NextHop) bool { return slices.Contains(p.NextHops, h.Address) })
		}
	}
	bgp.SortRoutes(routes)
	return routes, nil
}

// parseRoutes reads `show route`, with or without all.
func parseRoutes(protocols map[string]protocol, data []byte) ([]bgp.Route, error) {
	var out []bgp.Route
	var path *bgp.Path
	for line := range lines(data) {
		if m := pathLine.FindStringSubmatch(line); m != nil {
			if m[1] != "" {
				prefix, err := netip.ParsePrefix(m[1])
				if err != nil {
					return nil, fmt.Errorf("birdc show route: %w; the line is %q", err, line)
				}
				out = append(out, bgp.Route{Prefix: prefix, Protocol: "bgp"})
			}
			if len(out) == 0 {
				return nil, fmt.Errorf("birdc show route: a path without a prefix: %q", line)
			}
			route := &out[len(out)-1]
			from := protocols[m[3]].fields
			peer, _ := addressOf(from["Neighbor address"])
			route.Paths = append(route.Paths, bgp.Path{
				Peer: peer, Internal: strings.HasPrefix(from["Session"], "internal"), Valid: m[2] != "unreachable", Best: m[4] != "",
			})
			path = &route.Paths[len(route.Paths)-1]
			continue
		}
		if path == nil {
			continue
		}
		if m := viaLine.FindStringSubmatch(line); m != nil {
			hop, err := netip.ParseAddr(m[1])
			if err != nil {
				return nil, fmt.Errorf("birdc show route: %w; the line is %q", err, line)
			}
			path.NextHops = append(path.NextHops, hop)
			route := &out[len(out)-1]
			route.NextHops = append(route.NextHops, bgp.NextHop{Address: hop, Interface: m[2]})
		}
		if m := attrLine.FindStringSubmatch(line); m != nil {
			attribute(path, m[1], m[2])
		}
	}
	return out, nil
}

// attribute adds an attribute of `show route all`. Communities are (64512,99), large ones (64512, 100, 50).
func attribute(path *bgp.Path, name, value string) {
	number := func() *uint32 {
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return nil
		}
		small := uint32(n)
		return &small
	}
	list := func() []string {
		return bgp.Communities(strings.NewReplacer(", ", ":", ",", ":", "(", "", ")", "").Replace(value))
	}
	switch name {
	case "as_path":
		path.ASPath = value
	case "origin":
		path.Origin = value
		if value == "Incomplete" {
			path.Origin = "incomplete"
		}
	case "med":
		path.MED = number()
	case "local_pref":
		path.LocalPref = number()
	case "community":
		path.Communities = list()
	case "large_community":
		path.LargeCommunities = list()
	}
}

// ospfNeighbor is a line of `show ospf neighbors`: router ID, priority, state, dead timer, interface, address.
var ospfNeighbor = regexp.MustCompile(`^([0-9.]+)\s+\d+\s+(\S+)\s+\S+\s+(\S+)\s+\S+`)

// parseOSPF reads `show ospf neighbors`.
func parseOSPF(data []byte, v6 bool) []router.Adjacency {
	var all []router.Adjacency
	for line := range lines(data) {
		m := ospfNeighbor.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if id, err := netip.ParseAddr(m[1]); err == nil {
			all = append(all, router.Adjacency{ID: id, Interface: m[3], IPv6: v6, State: router.AdjacencyState(m[2])})
		}
	}
	return all
}
