package watch

import (
	"slices"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/timeline"
)

// TestReportsOfARouter checks three rules. Reports from before the start are no events, a notification explains a
// session's end, and the routes end with the software.
func TestReportsOfARouter(t *testing.T) {
	line := &timeline.Timeline{}
	w := &Watch{sink: line, plan: &plan.Plan{}, names: newNames(&planForNames)}
	settled := 0
	to := told{w, w.speaker(place{name: "r1", kind: node.KindRouter}), func() { settled++ }}
	route := func(prefix string) *bgp.BGPUpdate {
		hop, err := bgp.NewPathAttributeNextHop(worker)
		if err != nil {
			t.Fatal(err)
		}
		u, ok := bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), hop}, nlri(t, []string{prefix})).Body.(*bgp.BGPUpdate)
		if !ok {
			t.Fatal("no update")
		}
		return u
	}
	old, p := router.Peer{Address: worker, ASN: 64512, At: time.Now().Add(-time.Minute)}, router.Peer{Address: worker, ASN: 64512, At: time.Now().Add(time.Second)}
	to.Begin()
	to.Established(old)
	to.Update(old, route("10.244.1.0/24"))
	to.Settled()
	to.Update(p, route("10.244.2.0/24"))
	to.Notified(p, "cease")
	to.Left(p)
	to.Established(p)
	to.Update(p, route("10.244.3.0/24"))
	to.Lost("bird-lost", "BIRD closed its control socket")
	var got []string
	for _, e := range line.Events() {
		got = append(got, e.Kind+" "+e.Fields["prefix"]+e.Fields["reason"]+e.Fields["sessions"])
	}
	want := []string{
		"watching 1", "announce 10.244.2.0/24", "session-down remote-notification", "withdraw 10.244.1.0/24", "withdraw 10.244.2.0/24",
		"session-up ", "announce 10.244.3.0/24", "bird-lost ", "session-down speaker-gone", "withdraw 10.244.3.0/24",
	}
	if !slices.Equal(got, want) || settled != 1 {
		t.Errorf("seen %q, settled %d times\nwant %q, once", got, settled, want)
	}
}
