package watch

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/packet/bmp"

	"skidpad.dev/skidpad/lab/timeline"
)

// speaker is the known state of a BGP speaker, from one BMP connection to the next.
type speaker struct {
	router string
	name   func(netip.Addr) string // of a peer or a next hop

	mu        sync.Mutex
	began     time.Time // of the present connection, wall clock
	connects  int
	unsettled bool // the speaker's state at its connection may not be complete yet
	peers     map[netip.Addr]*peer
}

// peer is a session of the speaker.
type peer struct {
	up      bool
	dumping bool // arriving routes are older than the connection
	routes  map[netip.Prefix]string
	// notified is the peer's notification, if another message reports the session's end.
	notified string
}

func (w *Watch) speaker(p place) *speaker {
	return &speaker{router: p.name, name: w.names.addr, peers: map[netip.Addr]*peer{}}
}

// connected begins a connection.
func (s *speaker) connected(wall time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.unsettled = wall, true
	s.connects++
}

// settled returns, once for each connection and after the speaker has sent its whole state, an event with the size of
// the state.
func (s *speaker) settled() (timeline.Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions, routes := 0, 0
	for _, p := range s.peers {
		// The end of each address family is a message, but no message marks the last family.
		p.dumping = false
		if p.up {
			sessions++
			routes += len(p.routes)
		}
	}
	if !s.unsettled {
		return timeline.Event{}, false
	}
	s.unsettled = false
	return timeline.New(timeline.LaneBGP, s.router, "watching", fmt.Sprintf("there: %s with %s", counted(sessions, "session"), counted(routes, "route")),
		map[string]string{"sessions": fmt.Sprint(sessions), "routes": fmt.Sprint(routes)}), true
}

// message takes a BMP message and returns the changes. The state before the first connection is no event. The state at a
// later connection is an event, marked seen=dump, because the changes happened somewhat earlier.
func (s *speaker) message(m *bmp.BMPMessage) []timeline.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch body := m.Body.(type) {
	case *bmp.BMPPeerUpNotification:
		return s.peerUp(m.PeerHeader, body)
	case *bmp.BMPPeerDownNotification:
		return s.peerDown(m.PeerHeader, body)
	case *bmp.BMPRouteMonitoring:
		if update, ok := body.BGPUpdate.Body.(*bgp.BGPUpdate); ok {
			return s.update(m.PeerHeader, update)
		}
	}
	return nil
}

// lost returns the events of an unexpected end of the connection. The speaker is gone, with all sessions and all learned
// routes. reason is speaker-gone or container-gone.
func (s *speaker) lost(reason string) []timeline.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []timeline.Event
	for _, a := range slices.SortedFunc(maps.Keys(s.peers), netip.Addr.Compare) {
		p := s.peers[a]
		if p.up {
			events = append(events, s.event("session-down", a, fmt.Sprintf("session with %s ended with its speaker, %s", s.name(a), counted(len(p.routes), "route")), "reason", reason))
		}
		events = append(events, s.withdrawAll(a, p, reason)...)
	}
	s.peers = map[netip.Addr]*peer{}
	return events
}

func (s *speaker) peer(h bmp.BMPPeerHeader) (netip.Addr, *peer) {
	a := h.PeerAddress.Unmap()
	p := s.peers[a]
	if p == nil {
		p = &peer{routes: map[netip.Prefix]string{}}
		s.peers[a] = p
	}
	return a, p
}

func (s *speaker) peerUp(h bmp.BMPPeerHeader, up *bmp.BMPPeerUpNotification) []timeline.Event {
	a, p := s.peer(h)
	var events []timeline.Event
	if p.up { // ended without a message
		events = s.down(a, p, "unknown", "it is established anew")
	}
	// FRR sends the session's age in whole seconds: a session of the connection's own second counts as new.
	p.up, p.dumping = true, s.unsettled && h.Timestamp < float64(s.began.Unix())
	if p.dumping && s.connects == 1 {
		return events
	}
	e := s.event("session-up", a, fmt.Sprintf("session with %s is established", s.name(a)), "asn", fmt.Sprint(h.PeerAS), "speakerTime", stamp(h))
	if up.ReceivedOpenMsg != nil {
		if open, ok := up.ReceivedOpenMsg.Body.(*bgp.BGPOpen); ok {
			e.Fields["holdTime"] = fmt.Sprintf("%ds", open.HoldTime) // the peer's offer
		}
	}
	return append(events, s.seen(e, p.dumping))
}

func (s *speaker) peerDown(h bmp.BMPPeerHeader, down *bmp.BMPPeerDownNotification) []timeline.Event {
	a, p := s.peer(h)
	if !p.up { // a failed attempt: FRR reports a failed attempt each second, too
		return nil
	}
	reason, text := downReason(down)
	return s.down(a, p, reason, text, "speakerTime", stamp(h))
}

// closed reports a session without an end message of the speaker; the end shows in the TCP connection. FRR deletes peers
// of a listen range without reporting the end.
func (s *speaker) closed(a netip.Addr, within time.Duration) []timeline.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[a]
	if p == nil || !p.up {
		return nil
	}
	return s.down(a, p, "connection", "its TCP connection is not established any more", "within", within.String())
}

// up lists the peers with an established session.
func (s *speaker) up() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []netip.Addr
	for _, a := range slices.SortedFunc(maps.Keys(s.peers), netip.Addr.Compare) {
		if s.peers[a].up {
			all = append(all, a)
		}
	}
	return all
}

// down ends a session. BMP does not withdraw the session's routes one by one: the peer's end implies the withdrawals
// (RFC 7854, 4.9).
func (s *speaker) down(a netip.Addr, p *peer, reason, text string, fields ...string) []timeline.Event {
	event := s.event("session-down", a, fmt.Sprintf("session with %s ended: %s; it had %s", s.name(a), text, counted(len(p.routes), "route")),
		append(fields, "reason", reason, "detail", text, "routes", fmt.Sprint(len(p.routes)))...)
	p.up = false
	return append([]timeline.Event{event}, s.withdrawAll(a, p, "session-down")...)
}

func (s *speaker) withdrawAll(a netip.Addr, p *peer, because string) []timeline.Event {
	var events []timeline.Event
	for _, prefix := range slices.SortedFunc(maps.Keys(p.routes), comparePrefixes) {
		events = append(events, s.route("withdraw", a, prefix, p.routes[prefix], "because", because))
	}
	p.routes = map[netip.Prefix]string{}
	return events
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// update reports the changes of a route monitoring message.
//
// After policy, FRR (8.4) reports a route with an unresolved next hop as withdrawn, and sends no message after the
// resolution: this happens to most routes of a new session. Therefore the withdrawal of an unknown route counts as an
// announcement, marked nextHop=pending. The guess can be wrong: FRR sends the same message for a route that came and
// went at once, and for a route announced again with an unreachable next hop.
func (s *speaker) update(h bmp.BMPPeerHeader, u *bgp.BGPUpdate) []timeline.Event {
	a, p := s.peer(h)
	announced, withdrawn, hop, path := readUpdate(u)
	var events []timeline.Event
	for _, prefix := range withdrawn {
		before, known := p.routes[prefix]
		delete(p.routes, prefix)
		switch {
		case known:
			events = append(events, s.route("withdraw", a, prefix, before, "speakerTime", stamp(h)))
		case h.IsPostPolicy() && p.up && !p.dumping:
			p.routes[prefix] = pending
			events = append(events, s.route("announce", a, prefix, pending, "nextHop", "pending", "speakerTime", stamp(h)))
		}
	}
	for _, prefix := range announced {
		before := p.routes[prefix]
		now := hop.String()
		if path != "" {
			now += ", AS path " + path
		}
		p.routes[prefix] = now
		if before == now || before == pending || p.dumping && s.connects == 1 {
			continue
		}
		e := s.route("announce", a, prefix, now, "nextHop", hop.String(), "asPath", path, "was", before, "speakerTime", stamp(h))
		events = append(events, s.seen(e, p.dumping))
	}
	return events
}

// pending stands for a next hop missing in the message because the next hop is not resolved yet.
const pending = "yet to be resolved"

// readUpdate parses an UPDATE: IPv4 in the UPDATE's own fields, IPv6 and new-style IPv4 in RFC 4760's attributes.
func readUpdate(u *bgp.BGPUpdate) (announced, withdrawn []netip.Prefix, hop netip.Addr, path string) {
	announced, withdrawn = prefixes(u.NLRI), prefixes(u.WithdrawnRoutes)
	for _, attribute := range u.PathAttributes {
		switch v := attribute.(type) {
		case *bgp.PathAttributeNextHop:
			hop = v.Value
		case *bgp.PathAttributeMpReachNLRI:
			hop = v.Nexthop
			announced = append(announced, prefixes(v.Value)...)
		case *bgp.PathAttributeMpUnreachNLRI:
			withdrawn = append(withdrawn, prefixes(v.Value)...)
		case *bgp.PathAttributeAsPath:
			path = asPath(v)
		}
	}
	return announced, withdrawn, hop.Unmap(), path
}

func prefixes(list []bgp.PathNLRI) []netip.Prefix {
	var all []netip.Prefix
	for _, n := range list {
		if p, err := netip.ParsePrefix(n.NLRI.String()); err == nil {
			all = append(all, p)
		}
	}
	return all
}

func asPath(v *bgp.PathAttributeAsPath) string {
	var path []string
	for _, segment := range v.Value {
		for _, asn := range segment.GetAS() {
			path = append(path, fmt.Sprint(asn))
		}
	}
	return strings.Join(path, " ")
}

func (s *speaker) event(kind string, a netip.Addr, text string, fields ...string) timeline.Event {
	return timeline.New(timeline.LaneBGP, s.router, kind, text, with(map[string]string{"peer": s.name(a), "peerAddress": a.String()}, fields...))
}

func (s *speaker) route(kind string, a netip.Addr, prefix netip.Prefix, what string, fields ...string) timeline.Event {
	word := "from"
	if kind == "withdraw" {
		word = "no longer from"
	}
	return s.event(kind, a, fmt.Sprintf("%s %s %s, next hop %s", prefix, word, s.name(a), what), append(fields, "prefix", prefix.String())...)
}

func (s *speaker) seen(e timeline.Event, dump bool) timeline.Event {
	if dump {
		e.Fields["seen"] = "dump"
	}
	return e
}

// stamp returns the speaker's own time of a message, in seconds since 1970 by the speaker's wall clock; "" without a
// time.
func stamp(h bmp.BMPPeerHeader) string {
	if h.Timestamp == 0 {
		return ""
	}
	return fmt.Sprintf("%.6f", h.Timestamp)
}

// downReason returns the reason of a session's end (RFC 7854, 4.9): a word for programs, and a text.
func downReason(down *bmp.BMPPeerDownNotification) (reason, text string) {
	notification := ""
	if down.BGPNotification != nil {
		if n, ok := down.BGPNotification.Body.(*bgp.BGPNotification); ok {
			notification = bgp.NewNotificationErrorCode(n.ErrorCode, n.ErrorSubcode).String()
		}
	}
	switch down.Reason {
	case bmp.BMP_PEER_DOWN_REASON_LOCAL_BGP_NOTIFICATION:
		return "local-notification", "the router sent a notification: " + notification
	case bmp.BMP_PEER_DOWN_REASON_LOCAL_NO_NOTIFICATION:
		code := 0
		if len(down.Data) >= 2 {
			code = int(down.Data[0])<<8 | int(down.Data[1])
		}
		return "local", "the router ended it without a notification" + fsmEvent(code)
	case bmp.BMP_PEER_DOWN_REASON_REMOTE_BGP_NOTIFICATION:
		return "remote-notification", "the peer sent a notification: " + notification
	case bmp.BMP_PEER_DOWN_REASON_REMOTE_NO_NOTIFICATION:
		return "remote", "the connection closed without a notification"
	case bmp.BMP_PEER_DOWN_REASON_PEER_DE_CONFIGURED:
		return "deconfigured", "the peer was taken out of the configuration"
	}
	return fmt.Sprintf("unknown-%d", down.Reason), fmt.Sprintf("unknown reason %d", down.Reason)
}

// fsmEvent names the event that ended a session, by the numbers of RFC 4271, 8.1; 0 is no event.
func fsmEvent(code int) string {
	switch code {
	case 0:
		return ""
	case 10:
		return ": hold timer expired"
	case 18:
		return ": TCP connection failed"
	}
	return fmt.Sprintf(": event %d of RFC 4271, 8.1", code)
}
