package cilium

import (
	"net/netip"
	"slices"
	"testing"
)

func TestParseServices(t *testing.T) {
	entry := func(scope, state string) string {
		return `{"status": {"realized": {"frontend-address": {"ip": "10.96.0.9", "port": 80, "protocol": "TCP", "scope": "` + scope + `"},
			"backend-addresses": [{"ip": "10.244.1.5", "port": 8080, "state": "active"}, {"ip": "10.244.2.6", "port": 8080, "state": "` + state + `"}]}}}`
	}
	first, second := netip.MustParseAddrPort("10.244.1.5:8080"), netip.MustParseAddrPort("10.244.2.6:8080")
	got, err := parseServices([]byte("[" + entry("external", "active") + "," + entry("external", "terminating") + "," + entry("internal", "active") + "]"))
	if err != nil || len(got) != 2 {
		t.Fatalf("seen %v, %v; want the two external frontends", got, err)
	}
	if got[0].Front.String() != "10.96.0.9:80" || got[0].Proto != "tcp" || !slices.Equal(got[0].Active, []netip.AddrPort{first, second}) {
		t.Errorf("all active: %+v", got[0])
	}
	if !slices.Equal(got[1].Active, []netip.AddrPort{first}) {
		t.Errorf("a terminating backend gets packets: %+v", got[1])
	}
	if _, err := parseServices([]byte("no agent")); err == nil {
		t.Error("no JSON, and no error")
	}
}
