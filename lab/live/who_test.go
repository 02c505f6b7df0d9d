package live

import (
	"net/netip"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
)

func TestNextHopsOfTheLongestPrefix(t *testing.T) {
	hop := func(s string) []bgp.NextHop { return []bgp.NextHop{{Address: netip.MustParseAddr(s)}} }
	fib := []bgp.Route{
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), NextHops: hop("192.0.2.1")},
		{Prefix: netip.MustParsePrefix("198.51.100.1/32"), NextHops: hop("192.0.2.3")},
		{Prefix: netip.MustParsePrefix("198.51.100.0/24"), NextHops: hop("192.0.2.2")},
	}
	for to, want := range map[string]string{"198.51.100.1": "192.0.2.3", "198.51.100.9": "192.0.2.2", "203.0.113.1": "192.0.2.1"} {
		if got := nextHops(fib, netip.MustParseAddr(to)); len(got) != 1 || got[0].String() != want {
			t.Errorf("to %s: %v, wanted %s", to, got, want)
		}
	}
	if got := nextHops(fib[1:2], netip.MustParseAddr("203.0.113.1")); got != nil {
		t.Errorf("without a route: %v", got)
	}
}

func TestPreferredMember(t *testing.T) {
	p := &plan.Plan{Gateways: []plan.Gateway{{Name: "gw", Members: []plan.GatewayGuard{{Router: "r2", Priority: 190}, {Router: "r1", Priority: 200}}}}}
	if got := preferred(p, "gw"); got != "r1" {
		t.Errorf("%q, wanted r1, whose priority is the highest", got)
	}
}

// TestGracefulRestartCapability uses the words of FRR 8.4 for the capability: both ends, one end, or a session that is
// down.
func TestGracefulRestartCapability(t *testing.T) {
	peer := func(asn, state, capability string) string {
		return `{"remoteAs":` + asn + `,"bgpState":"` + state + `","neighborCapabilities":{"gracefulRestart":"` + capability + `"}}`
	}
	r := plan.Router{Name: "r1", BGP: &plan.Speaker{GracefulRestart: true, Ranges: []plan.Range{{ASN: 64512, Sessions: 2}}}}
	both := peer("64512", "Established", "advertisedAndReceived")
	router := peer("64513", "Established", "received")
	for _, c := range []struct{ name, json, wrong, err string }{
		{"both have it", `{"a":` + both + `,"b":` + both + `,"r2":` + router + `,"vrfName":"default"}`, "", ""},
		{"one is down", `{"a":` + both + `,"b":` + peer("64512", "Active", "") + `}`, "", "1 of 2 sessions"},
		{"one only received it", `{"a":` + both + `,"b":` + peer("64512", "Established", "received") + `}`, `graceful restart with b is "received", wanted true`, ""},
		{"not JSON", `% BGP instance not found`, "", "sessions of r1"},
	} {
		wrong, err := wrongCapability([]byte(c.json), r)
		if !strings.Contains(wrong, c.wrong) || (c.wrong == "") != (wrong == "") || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", c.name, wrong, err)
		}
	}
	dual := r
	dual.BGP = &plan.Speaker{GracefulRestart: true, Ranges: append(r.BGP.Ranges, plan.Range{Name: "nodes6", ASN: 64512, Sessions: 2})}
	if wrong, err := wrongCapability([]byte(`{"a":`+both+`,"b":`+both+`}`), dual); err == nil || !strings.Contains(err.Error(), "2 of 4 sessions") {
		t.Errorf("one IP family's sessions of two: %q, %v", wrong, err)
	}
	r.BGP.GracefulRestart = false
	if wrong, err := wrongCapability([]byte(`{"a":`+both+`,"b":`+both+`}`), r); err != nil || !strings.Contains(wrong, "wanted false") {
		t.Errorf("on where it is to be off: %q, %v", wrong, err)
	}
}
