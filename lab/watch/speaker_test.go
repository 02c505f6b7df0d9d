package watch

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"flag"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/packet/bmp"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	worker = netip.MustParseAddr("10.89.0.11")
	r2     = netip.MustParseAddr("10.89.0.3")
	began  = time.Unix(1_790_000_000, 0)
)

func nameOf(a netip.Addr) string {
	if name, ok := map[netip.Addr]string{worker: "worker", r2: "r2"}[a]; ok {
		return name
	}
	return a.String()
}

func peerHeader(a netip.Addr, stamp float64) bmp.BMPPeerHeader {
	return *bmp.NewBMPPeerHeader(bmp.BMP_PEER_TYPE_GLOBAL, bmp.BMP_PEER_FLAG_POST_POLICY, 0, a, 64512, a, stamp)
}

func peerUp(t testing.TB, a netip.Addr, stamp float64) *bmp.BMPMessage {
	t.Helper()
	open, err := bgp.NewBGPOpenMessage(64512, 9, a, nil)
	if err != nil {
		t.Fatal(err)
	}
	return bmp.NewBMPPeerUpNotification(peerHeader(a, stamp), netip.MustParseAddr("10.89.0.2"), 179, 40000, open, open)
}

func announce(t testing.TB, a netip.Addr, prefixes ...string) *bmp.BMPMessage {
	t.Helper()
	hop, err := bgp.NewPathAttributeNextHop(a)
	if err != nil {
		t.Fatal(err)
	}
	path := bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, []uint32{64512})})
	attributes := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), path, hop}
	return bmp.NewBMPRouteMonitoring(peerHeader(a, 0), bgp.NewBGPUpdateMessage(nil, attributes, nlri(t, prefixes)))
}

func withdraw(t testing.TB, a netip.Addr, prefixes ...string) *bmp.BMPMessage {
	t.Helper()
	return bmp.NewBMPRouteMonitoring(peerHeader(a, 0), bgp.NewBGPUpdateMessage(nlri(t, prefixes), nil, nil))
}

func announce6(t testing.TB, a netip.Addr, prefix string) *bmp.BMPMessage {
	t.Helper()
	n, err := bgp.NewIPAddrPrefix(netip.MustParsePrefix(prefix))
	if err != nil {
		t.Fatal(err)
	}
	reach, err := bgp.NewPathAttributeMpReachNLRI(bgp.RF_IPv6_UC, []bgp.PathNLRI{{NLRI: n}}, netip.MustParseAddr("fd00::11"))
	if err != nil {
		t.Fatal(err)
	}
	return bmp.NewBMPRouteMonitoring(peerHeader(a, 0), bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), reach}, nil))
}

func nlri(t testing.TB, prefixes []string) []bgp.PathNLRI {
	t.Helper()
	var all []bgp.PathNLRI
	for _, p := range prefixes {
		n, err := bgp.NewIPAddrPrefix(netip.MustParsePrefix(p))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bgp.PathNLRI{NLRI: n})
	}
	return all
}

func peerDown(a netip.Addr, reason uint8, data []byte) *bmp.BMPMessage {
	var notification *bgp.BGPMessage
	if reason == bmp.BMP_PEER_DOWN_REASON_REMOTE_BGP_NOTIFICATION || reason == bmp.BMP_PEER_DOWN_REASON_LOCAL_BGP_NOTIFICATION {
		notification = bgp.NewBGPNotificationMessage(data[0], data[1], nil)
	}
	return bmp.NewBMPPeerDownNotification(peerHeader(a, 0), reason, notification, data)
}

// hear sends messages in the wire format, like a router, and returns the resulting events.
func hear(t *testing.T, s *speaker, messages ...*bmp.BMPMessage) []timeline.Event {
	t.Helper()
	var stream bytes.Buffer
	for _, m := range messages {
		b, err := m.Serialize()
		if err != nil {
			t.Fatal(err)
		}
		stream.Write(b)
	}
	var events []timeline.Event
	lines := bufio.NewScanner(&stream)
	lines.Split(bmp.SplitBMP)
	for lines.Scan() {
		m, err := bmp.ParseBMPMessage(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, s.message(m)...)
	}
	return events
}

// TestSpeaker covers a speaker's life: the initial state, a withdrawn route, a session that ends in each way, and the
// end and the return of the speaker.
func TestSpeaker(t *testing.T) {
	s := &speaker{router: "r1", name: nameOf, peers: map[netip.Addr]*peer{}}
	before, now := float64(began.Unix()-60), float64(began.Unix()+5)
	story := &script{t: t}

	s.connected(began)
	story.phase("what was there is no news", hear(t, s, peerUp(t, worker, before), announce(t, worker, "203.0.113.50/32", "10.244.1.0/24"), announce(t, worker)))
	e, ok := s.settled()
	if !ok {
		t.Fatal("nothing says what was there")
	}
	story.phase("settled", []timeline.Event{e})
	if _, ok := s.settled(); ok {
		t.Error("what was there is told twice")
	}
	story.phase("a route goes, one changes nothing, one was not there", hear(t, s,
		withdraw(t, worker, "203.0.113.50/32"), announce(t, worker, "10.244.1.0/24"), withdraw(t, worker, "192.0.2.0/24")))
	story.phase("that one, whose next hop was pending, is told, and goes", hear(t, s, announce(t, worker, "192.0.2.0/24"), withdraw(t, worker, "192.0.2.0/24")))
	story.phase("it comes back", hear(t, s, announce(t, worker, "203.0.113.50/32")))
	story.phase("another peer comes up", hear(t, s, peerUp(t, r2, now), announce(t, r2, "203.0.113.50/32"), announce6(t, r2, "fd00:1::/64")))
	story.phase("its hold timer expires", hear(t, s, peerDown(r2, bmp.BMP_PEER_DOWN_REASON_LOCAL_BGP_NOTIFICATION, []byte{4, 0})))
	story.phase("up again, then closed by the peer", hear(t, s, peerUp(t, r2, now), peerDown(r2, bmp.BMP_PEER_DOWN_REASON_REMOTE_NO_NOTIFICATION, nil)))
	story.phase("up again, then shut by the peer", hear(t, s, peerUp(t, r2, now), peerDown(r2, bmp.BMP_PEER_DOWN_REASON_REMOTE_BGP_NOTIFICATION, []byte{6, 2})))
	story.phase("up again, then TCP fails", hear(t, s, peerUp(t, r2, now), peerDown(r2, bmp.BMP_PEER_DOWN_REASON_LOCAL_NO_NOTIFICATION, []byte{0, 18})))
	story.phase("attempts to come up again fail", hear(t, s, peerDown(r2, bmp.BMP_PEER_DOWN_REASON_LOCAL_NO_NOTIFICATION, []byte{0, 18})))
	story.phase("an end that only the connection tells", s.closed(worker, 100*time.Millisecond))
	story.phase("which is told once", s.closed(worker, 100*time.Millisecond))
	story.phase("up again", hear(t, s, peerUp(t, worker, now), announce(t, worker, "203.0.113.50/32", "10.244.1.0/24")))
	story.phase("and again, its end untold", hear(t, s, peerUp(t, worker, now), announce(t, worker, "203.0.113.50/32", "10.244.1.0/24")))
	story.phase("the speaker dies", s.lost("speaker-gone"))
	s.connected(began.Add(10 * time.Second))
	story.phase("it is back: one session was up already, one comes now", hear(t, s,
		peerUp(t, worker, now), announce(t, worker, "10.244.1.0/24"), peerUp(t, r2, float64(began.Unix()+10)), announce(t, r2, "203.0.113.50/32")))
	if e, ok = s.settled(); ok {
		story.phase("settled again", []timeline.Event{e})
	}
	golden(t, "speaker.txt", story.text.Bytes())
}

// script collects the events of a test's phases, without times.
type script struct {
	t    *testing.T
	text bytes.Buffer
}

func (s *script) phase(name string, events []timeline.Event) {
	s.text.WriteString("# " + name + "\n")
	for _, e := range events {
		if e.At == 0 || e.Wall.IsZero() {
			s.t.Errorf("%s: an event without a time: %+v", name, e)
		}
		s.text.WriteString(e.Line(e.At))
		for _, k := range []string{"reason", "because", "seen", "moved"} {
			if v := e.Fields[k]; v != "" {
				s.text.WriteString(" [" + k + "=" + v + "]")
			}
		}
		s.text.WriteByte('\n')
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant %s (-update writes it anew)\n%s", got, path, want)
	}
}

func TestParseBMPOfAnOpenCutShort(t *testing.T) {
	b, err := peerUp(t, worker, 1).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	b = b[:len(b)-7]
	b[4] = byte(len(b)) // the header's length, always below 256
	m, err := parseBMP(b)
	if err != nil || m.PeerHeader.PeerAddress != worker {
		t.Fatalf("read %+v, %v", m, err)
	}
	s := &speaker{router: "r1", name: nameOf, peers: map[netip.Addr]*peer{}}
	if e := s.message(m); len(e) != 1 || e[0].Kind != "session-up" {
		t.Errorf("it tells %+v", e)
	}
	if m, err := parseBMP(b[:30]); err == nil {
		t.Errorf("half a header was read as %+v", m)
	}
}

func TestParseTCP(t *testing.T) {
	// The table has two connections with port 179 at either end, a closing connection, a listening socket, and a connection
	// of another port.
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:00B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000   100        0 1 1 0 100 0 0 10 0
   1: 0200590A:00B3 0B00590A:8F5C 01 00000000:00000000 00:00000000 00000000   100        0 2 1 0 20 4 30 10 -1
   2: 0200590A:A1B2 0300590A:00B3 01 00000000:00000000 00:00000000 00000000   100        0 3 1 0 20 4 30 10 -1
   3: 0200590A:00B3 0C00590A:8F5D 04 00000001:00000000 01:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
   4: 0100007F:2B0B 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   100        0 4 1 0 20 4 30 10 -1
`
	// The IPv6 table has the same line format, here with one connection.
	table += "   5: B80D0120000000000000000001000000:00B3 B80D0120000000000000000002000000:8F5E 01 00000000:00000000 00:00000000 00000000 100 0 5 1 0 20 4 30 10 -1\n"
	got, err := parseTCP(strings.NewReader(table))
	worker6 := netip.MustParseAddr("2001:db8::2")
	self := netip.MustParseAddr("10.89.0.2")
	want := map[netip.Addr]connection{
		worker:  {netip.AddrPortFrom(self, 179), netip.AddrPortFrom(worker, 0x8f5c)},
		worker6: {netip.AddrPortFrom(netip.MustParseAddr("2001:db8::1"), 179), netip.AddrPortFrom(worker6, 0x8f5e)},
		r2:      {netip.AddrPortFrom(self, 0xa1b2), netip.AddrPortFrom(r2, 179)},
	}
	if err != nil || !maps.Equal(got, want) && binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		t.Errorf("peers %v, %v; wanted %v", got, err, want)
	}
	bgp := &plan.Speaker{Neighbors: []plan.Neighbor{{Address: r2}}, Ranges: []plan.Range{{Prefix: netip.MustParsePrefix("10.89.0.0/24")}}}
	if !dialsIn(bgp, worker) || dialsIn(bgp, r2) || dialsIn(bgp, netip.MustParseAddr("192.0.2.1")) {
		t.Error("of worker, r2 and a stranger only worker dials in")
	}
}
