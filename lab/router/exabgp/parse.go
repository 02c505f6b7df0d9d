package exabgp

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
)

// neighbor is a peer in `show neighbor extensive`.
type neighbor struct {
	state string
	up    time.Duration
	// local and remote are the ASNs; remote is 0 before the OPEN messages.
	local, remote uint32
	hold          time.Duration // the lower of both ends' hold times, 0 before the OPEN messages
}

var (
	neighborLine = regexp.MustCompile(`(?m)^Neighbor (\S+)$`)
	stateLine    = regexp.MustCompile(`(?m)^ +state +(\S+)`)
	upLine       = regexp.MustCompile(`(?m)^ +up for +(?:(\d+) days?, )?(\d+):(\d+):(\d+)`)
	asLine       = regexp.MustCompile(`(?m)^ +AS +(\d+)(?: +(\d+))?`)
	holdLine     = regexp.MustCompile(`(?m)^ +hold-time +(\d+) +(\d+)`)
)

// parseNeighbors reads `show neighbor extensive`: a block of text for each configured peer.
func parseNeighbors(data []byte) (map[netip.Addr]neighbor, error) {
	all := map[netip.Addr]neighbor{}
	starts := neighborLine.FindAllSubmatchIndex(data, -1)
	for i, at := range starts {
		end := len(data)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		peer, err := netip.ParseAddr(string(data[at[2]:at[3]]))
		if err != nil {
			return nil, fmt.Errorf("exabgpcli show neighbor extensive: %w", err)
		}
		block := data[at[0]:end]
		state := stateLine.FindSubmatch(block)
		if state == nil {
			return nil, fmt.Errorf("exabgpcli show neighbor extensive: no state of %s in %.120q", peer, block)
		}
		n := neighbor{state: string(state[1])}
		if m := upLine.FindSubmatch(block); m != nil {
			for j, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
				count, _ := strconv.Atoi(string(m[j+1]))
				n.up += time.Duration(count) * unit
			}
		}
		if m := asLine.FindSubmatch(block); m != nil {
			local, _ := strconv.ParseUint(string(m[1]), 10, 32)
			remote, _ := strconv.ParseUint(string(m[2]), 10, 32)
			n.local, n.remote = uint32(local), uint32(remote)
		}
		if m := holdLine.FindSubmatch(block); m != nil {
			local, _ := strconv.Atoi(string(m[1]))
			remote, _ := strconv.Atoi(string(m[2]))
			n.hold = time.Duration(min(local, remote)) * time.Second
		}
		all[peer] = n
	}
	return all, nil
}

// sessions joins the plan's peers, and the peers of native configuration, with ExaBGP's report on the peers, and with the
// counts of routes received and sent.
func sessions(r plan.Router, neighbors, in, out []byte) ([]bgp.Session, error) {
	have, err := parseNeighbors(neighbors)
	if err != nil {
		return nil, err
	}
	received, sent := counts(in), counts(out)
	var all []bgp.Session
	add := func(s bgp.Session) {
		of := have[s.Peer]
		s.State = stateOf(of.state)
		s.HoldTime, s.Keepalive = of.hold, of.hold/3
		if s.State == bgp.Established {
			s.Uptime, s.PrefixesReceived, s.PrefixesSent = of.up, received[s.Peer], sent[s.Peer]
		}
		all = append(all, s)
		delete(have, s.Peer)
	}
	if r.BGP != nil {
		for _, n := range r.BGP.Neighbors {
			add(bgp.Session{Router: r.Name, Peer: n.Address, PeerName: n.Name, PeerASN: n.ASN, LocalASN: r.BGP.ASN})
		}
	}
	if r.Native.Configures() {
		for a, n := range maps.Clone(have) {
			add(bgp.Session{Router: r.Name, Peer: a, PeerASN: n.remote, LocalASN: n.local})
		}
	}
	bgp.SortSessions(all)
	return all, nil
}

// stateOf reads a state in capital letters.
func stateOf(word string) bgp.State {
	for s := bgp.Unknown; s <= bgp.Established; s++ {
		if strings.EqualFold(s.String(), word) {
			return s
		}
	}
	return bgp.Unknown
}

// counts reads `show adj-rib`: a line for each route, `neighbor ADDRESS ipv4 unicast PREFIX …`.
func counts(data []byte) map[netip.Addr]int {
	found := map[netip.Addr]int{}
	for line := range bytes.Lines(data) {
		if words := strings.Fields(string(line)); len(words) > 1 && words[0] == "neighbor" {
			if a, err := netip.ParseAddr(words[1]); err == nil {
				found[a]++
			}
		}
	}
	return found
}

var routeLine = regexp.MustCompile(`^neighbor (\S+) .*local-as (\d+) peer-as (\d+) .*ipv[46] unicast (\S+) next-hop (\S+)(?:.* as-path \[ ([0-9 ]*)\])?`)

// The parts of a line that are absent without the attribute. A list with one entry has no brackets.
var (
	originPart    = regexp.MustCompile(` origin (\S+)`)
	medPart       = regexp.MustCompile(` med (\d+)`)
	localPrefPart = regexp.MustCompile(` local-preference (\d+)`)
	communityPart = regexp.MustCompile(` community (?:\[ ([^\]]*)\]|(\S+))`)
	largePart     = regexp.MustCompile(` large-community (?:\[ ([^\]]*)\]|(\S+))`)
)

// listed returns the text of an attribute; "" without the attribute.
func listed(line []byte, part *regexp.Regexp) string {
	m := part.FindSubmatch(line)
	return string(bytes.Join(m[min(1, len(m)):], nil))
}

// counted returns the number of an attribute; nil without the attribute.
func counted(line []byte, part *regexp.Regexp) *uint32 {
	n, err := strconv.ParseUint(listed(line, part), 10, 32)
	if err != nil {
		return nil
	}
	number := uint32(n)
	return &number
}

// parseRIB reads `show adj-rib in extensive`. ExaBGP chooses no best path.
func parseRIB(data []byte) ([]bgp.Route, error) {
	at := map[netip.Prefix]int{}
	var all []bgp.Route
	for line := range bytes.Lines(data) {
		m := routeLine.FindStringSubmatch(string(line))
		if m == nil {
			continue
		}
		prefix, err := netip.ParsePrefix(m[4])
		if err != nil {
			return nil, fmt.Errorf("exabgpcli show adj-rib in extensive: %w; the line is %.120q", err, line)
		}
		peer, peerErr := netip.ParseAddr(m[1])
		hop, hopErr := netip.ParseAddr(m[5])
		if peerErr != nil || hopErr != nil {
			return nil, fmt.Errorf("exabgpcli show adj-rib in extensive: no addresses in the line %.120q", line)
		}
		if _, ok := at[prefix]; !ok {
			at[prefix] = len(all)
			all = append(all, bgp.Route{Prefix: prefix, Protocol: "bgp"})
		}
		r := &all[at[prefix]]
		attributes := bgp.Attributes{Communities: bgp.Communities(listed(line, communityPart)), LargeCommunities: bgp.Communities(listed(line, largePart)),
			MED: counted(line, medPart), LocalPref: counted(line, localPrefPart), Origin: listed(line, originPart)}
		if attributes.Origin != "incomplete" {
			attributes.Origin = strings.ToUpper(attributes.Origin)
		}
		r.Paths = append(r.Paths, bgp.Path{
			Peer: peer, NextHops: []netip.Addr{hop}, ASPath: strings.TrimSpace(m[6]), Internal: m[2] == m[3], Valid: true, Attributes: attributes,
		})
	}
	bgp.SortRoutes(all)
	return all, nil
}
