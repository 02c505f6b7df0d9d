package signal

import (
	"net/netip"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/timeline"
)

func TestAttributesOf(t *testing.T) {
	med, pref := uint32(50), uint32(0)
	r2 := netip.MustParseAddr("192.0.2.2")
	p := bgp.Path{Valid: true, ASPath: "64512 64513", NextHops: []netip.Addr{r2}, Attributes: bgp.Attributes{
		Origin: "IGP", MED: &med, LocalPref: &pref, Communities: []string{"no-export"}, LargeCommunities: []string{"1:2:3"}}}
	got := strings.Join(attributesOf(p, map[netip.Addr]string{r2: "r2"}), ", ")
	if want := "asPath 64512 64513, origin IGP, med 50, localPref 0, community no-export, largeCommunity 1:2:3, nextHop r2"; got != want {
		t.Errorf("seen %s, want %s", got, want)
	}
	if got := attributesOf(bgp.Path{Valid: true}, nil); len(got) != 1 || got[0] != "asPath" {
		t.Errorf("without attributes: seen %q, want an empty AS path alone", got)
	}
}

func TestFlapsOf(t *testing.T) {
	down := func(at int64, router, peer string) timeline.Event {
		return timeline.Event{At: at, Lane: timeline.LaneBGP, Subject: router, Kind: "session-down", Fields: map[string]string{"peer": peer, "peerAddress": "192.0.2.1", "reason": "hold"}}
	}
	all := []timeline.Event{down(1, "r1", "r2"), down(5, "r1", "r2"), down(6, "r1", "r3"), down(7, "r2", "r1"), {At: 8, Lane: timeline.LaneBGP, Subject: "r1", Kind: "session-up"}}
	for peer, want := range map[string]string{"": "2 (r2: hold, r3: hold)", "r3": "1 (r3: hold)", "192.0.2.1": "2 (r2: hold, r3: hold)", "r9": "0"} {
		if got, err := flapsOf(all, 2, "r1", peer); err != nil || got.String() != want {
			t.Errorf("peer %q: seen %s, %v; want %s", peer, got, err, want)
		}
	}
	deaf := timeline.New(timeline.LaneAgent, "bgp r1", "source-missing", "it ended", nil)
	if got, err := flapsOf(append(all, deaf), 2, "r1", ""); err == nil {
		t.Errorf("without a listener: seen %s, want an error", got)
	}
}

func TestShareOf(t *testing.T) {
	shot := func(local, problem string) record.Shot {
		return record.Shot{Target: "192.0.2.9:80", Local: local, Error: problem}
	}
	seen := map[capture.Connection]bool{{To: netip.MustParseAddr("192.0.2.9"), From: 1}: true, {To: netip.MustParseAddr("192.0.2.8"), From: 2}: true}
	shots := []record.Shot{shot("192.0.2.1:1", ""), shot("192.0.2.1:2", ""), shot("192.0.2.1:3", ""), shot("192.0.2.1:1", "timeout")}
	if got, err := shareOf(shots, seen); err != nil || got.String() != "33 % of 3 flows" {
		t.Errorf("seen %s, %v; want 33 %% of 3 flows", got, err)
	}
	if got, err := shareOf(shots[3:], seen); err == nil {
		t.Errorf("no answer: seen %s, want an error", got)
	}
}

func TestAnnouncements(t *testing.T) {
	event := func(at int64, network, kind, override string) timeline.Event {
		return timeline.Event{At: at, Lane: timeline.LaneARP, Subject: network, Kind: kind,
			Fields: map[string]string{"sender": "192.0.2.1", "senderMAC": "02:42:c0:00:02:01", "override": override, "option": "target option"}}
	}
	all := []timeline.Event{event(1, "lan", "gratuitous", ""), event(3, "lan", "reply", ""), event(3, "edge", "gratuitous", "")}
	owners := map[string]string{"02:42:c0:00:02:01": "r1"}
	for want, more := range map[string][]timeline.Event{
		"0":                          nil,
		"2 (02:42:c0:00:02:01 (r1))": {event(3, "lan", "gratuitous", ""), event(4, "lan", "gratuitous", "")},
		"1 (02:42:c0:00:02:01 (r1), without override, target option)": {event(3, "lan", "unsolicited", "false")},
	} {
		if got := announcements(append(all, more...), 2, "lan", "192.0.2.1", owners); got.String() != want {
			t.Errorf("seen %s, want %s", got, want)
		}
	}
}
