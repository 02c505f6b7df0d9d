package live

import (
	"net/netip"
	"slices"
	"testing"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// A session of native configuration is no session of the plan: the session hides no missing one, and is not unexpected.
func TestStatusTellsNativeSessionsFromPlanned(t *testing.T) {
	at := netip.MustParseAddr
	r := plan.Router{Name: "r1", BGP: &plan.Speaker{
		Neighbors: []plan.Neighbor{{Name: "r2", Address: at("192.0.2.2")}}, Ranges: []plan.Range{{Prefix: netip.MustParsePrefix("192.0.2.64/26"), Sessions: 1}},
	}, Native: &plan.Native{Added: []plan.Snippet{{Text: "x"}}}}
	session := func(a string, s bgp.State) bgp.Session { return bgp.Session{Peer: at(a), State: s} }
	for name, tt := range map[string]struct {
		sessions []bgp.Session
		want     []string
	}{
		"all":              {[]bgp.Session{session("192.0.2.2", bgp.Established), session("192.0.2.70", bgp.Established), session("192.0.2.9", bgp.Established)}, nil},
		"a planned lacks":  {[]bgp.Session{session("192.0.2.70", bgp.Established), session("192.0.2.9", bgp.Established)}, []string{"1 of 2 sessions are Established"}},
		"a native is down": {[]bgp.Session{session("192.0.2.2", bgp.Established), session("192.0.2.70", bgp.Established), session("192.0.2.9", bgp.Idle)}, []string{"session with  (192.0.2.9) is Idle, not Established "}},
	} {
		if got := wrongSessions(r, tt.sessions); !slices.Equal(got, tt.want) {
			t.Errorf("%s: seen %q, wanted %q", name, got, tt.want)
		}
	}
}

func TestStatusTellsOfPlannedBFD(t *testing.T) {
	at := netip.MustParseAddr
	r := plan.Router{Name: "r1", BGP: &plan.Speaker{Neighbors: []plan.Neighbor{
		{Name: "r2", Address: at("192.0.2.2"), Peering: plan.Peering{BFD: &scenario.BFD{}}}, {Name: "r3", Address: at("192.0.2.3")},
	}}}
	for name, tt := range map[string]struct {
		r2, r3 string
		want   []string
	}{
		"up":               {"Up", "", nil},
		"nobody tells":     {"", "", nil},
		"down":             {"Down", "", []string{"BFD with r2 (192.0.2.2) is Down, not Up: until then, only the hold time ends the session with a silent peer"}},
		"an unplanned one": {"Up", "Down", nil},
	} {
		sessions := []bgp.Session{
			{Peer: at("192.0.2.2"), PeerName: "r2", State: bgp.Established, BFD: tt.r2}, {Peer: at("192.0.2.3"), PeerName: "r3", State: bgp.Established, BFD: tt.r3},
		}
		if got := wrongSessions(r, sessions); !slices.Equal(got, tt.want) {
			t.Errorf("%s: seen %q, wanted %q", name, got, tt.want)
		}
	}
}

func TestStatusCountsSessions(t *testing.T) {
	// A peer, and two ranges with two calling nodes each.
	r := plan.Router{Name: "r1", BGP: &plan.Speaker{Neighbors: []plan.Neighbor{{Name: "r2"}}, Ranges: []plan.Range{{Sessions: 2}, {Sessions: 2}}}}
	up := bgp.Session{PeerName: "worker", State: bgp.Established}
	down := bgp.Session{PeerName: "r2", Peer: netip.MustParseAddr("192.0.2.2"), State: bgp.Active, Reason: "(refused)"}
	for name, tt := range map[string]struct {
		sessions, want []string
	}{
		"all":                        {[]string{"up", "up", "up", "up", "up"}, nil},
		"none":                       {nil, []string{"0 of 5 sessions are Established"}},
		"a node that does not call":  {[]string{"up", "up", "up", "up"}, []string{"4 of 5 sessions are Established"}},
		"a peer that does not speak": {[]string{"up", "up", "up", "up", "down"}, []string{"session with r2 (192.0.2.2) is Active, not Established (refused)", "4 of 5 sessions are Established"}},
		"one too many is down":       {[]string{"up", "up", "up", "up", "up", "down"}, []string{"session with r2 (192.0.2.2) is Active, not Established (refused)"}},
	} {
		var sessions []bgp.Session
		for _, s := range tt.sessions {
			sessions = append(sessions, map[string]bgp.Session{"up": up, "down": down}[s])
		}
		if got := wrongSessions(r, sessions); !slices.Equal(got, tt.want) {
			t.Errorf("%s: seen %q, wanted %q", name, got, tt.want)
		}
	}
}
