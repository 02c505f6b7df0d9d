package gateway

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/routertest"
	"skidpad.dev/skidpad/lab/scenario"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func guarded() plan.Gateway {
	return plan.Gateway{
		Name: "gw", AdvertInterval: 100 * time.Millisecond, VRID: 1,
		Addresses: []plan.Attachment{{Network: "fabric", Address: addr("10.89.0.250"), Bits: 24}, {Network: "edge", Address: addr("192.0.2.250"), Bits: 24}},
		Members:   []plan.GatewayGuard{{Router: "r1", Priority: 200, TrackBGP: true}, {Router: "r2", Priority: 190}},
	}
}

func TestRender(t *testing.T) {
	alone := guarded()
	alone.Addresses = alone.Addresses[:1]
	dual := guarded()
	dual.Addresses[0].Address6, dual.Addresses[1].Address6 = addr("2001:db8:1::254"), addr("2001:db8:2::254")
	dual.Members[0].TrackBGP6 = true
	ipv6 := dual
	ipv6.Members = []plan.GatewayGuard{{Router: "r1", Priority: 200, TrackBGP6: true}, dual.Members[1]}
	every, two := guarded(), guarded()
	every.GatewayOptions = scenario.GatewayOptions{
		PreemptDelay: scenario.Duration(5 * time.Second),
		GARP:         &scenario.GARP{MasterDelay: scenario.Duration(2 * time.Second), MasterRepeat: 3, MasterRefresh: scenario.Duration(10 * time.Second), MasterRefreshRepeat: 2, Interval: scenario.Duration(20 * time.Millisecond)},
		Checks: []scenario.GatewayCheck{{Name: "disk", Interval: scenario.Duration(2 * time.Second), Timeout: scenario.Duration(time.Second), Fall: 2, Rise: 3, Weight: -50},
			{Name: "api", Interval: scenario.Duration(time.Second), Timeout: scenario.Duration(time.Second), Fall: 1, Rise: 1}},
	}
	two.GatewayOptions = scenario.GatewayOptions{Version: 2, NoPreempt: true}
	two.AdvertInterval = time.Second
	first := guarded()
	first.GatewayOptions = scenario.GatewayOptions{State: scenario.StartMaster}
	tests := []struct {
		name    string
		gateway plan.Gateway
		member  int
	}{{"tracks-bgp", guarded(), 0}, {"tracks-nothing", guarded(), 1}, {"one-network", alone, 0}, {"dual-stack", dual, 0}, {"ipv6", ipv6, 0}, {"every-option", every, 0}, {"version-2", two, 0}, {"state-master", first, 0}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Render(tt.gateway, tt.gateway.Members[tt.member])
			if err != nil {
				t.Fatal(err)
			}
			routertest.Golden(t, tt.name+".conf", got)
		})
	}
}

// A member without routes stands below all members with routes, and the order among the members without routes stays.
func TestBase(t *testing.T) {
	for _, priorities := range [][]int{{200, 190}, {200, 120}, {200, 190, 180}, {100}} {
		var g plan.Gateway
		for _, p := range priorities {
			g.Members = append(g.Members, plan.GatewayGuard{Priority: p, TrackBGP: true})
		}
		for i, m := range g.Members {
			without := base(g, m)
			if lowest := slices.Min(priorities); without >= lowest || without < 1 {
				t.Errorf("priorities %v: member %d without routes has %d; wanted is below %d", priorities, i, without, lowest)
			}
			if i > 0 && without >= base(g, g.Members[i-1]) {
				t.Errorf("priorities %v: the order is another without routes", priorities)
			}
		}
	}
	wide := plan.Gateway{Members: []plan.GatewayGuard{{Priority: 254, TrackBGP6: true}, {Priority: 1, TrackBGP: true}}}
	if got := base(wide, wide.Members[1]); got != 1 {
		t.Errorf("the lowest priority without routes is %d; VRRP has none below 1", got)
	}
	if got := base(wide, plan.GatewayGuard{Priority: 90}); got != 90 {
		t.Errorf("a member that tracks nothing has %d; wanted is its priority, 90", got)
	}
}

// track runs track.sh with an ip command that prints the given routes for both protocols.
func track(t *testing.T, dir, routes string) bool {
	t.Helper()
	ip := "#!/bin/sh\n[ \"$5\" = 186 ] || exit 0\nprintf '%s' '" + routes + "'\n"
	if err := os.WriteFile(filepath.Join(dir, "ip"), []byte(ip), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "track.sh"), trackScript, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", filepath.Join(dir, "track.sh"), "-4")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return err == nil
}

// A router takes traffic when its FIB has stopped filling, and from then on until the last route is gone.
func TestTrack(t *testing.T) {
	dir := t.TempDir()
	for i, look := range []struct {
		routes string
		want   bool
	}{
		{"", false},
		{"10.244.1.0/24 via 10.89.0.3", false}, // the first route of several
		{"10.244.1.0/24 via 10.89.0.3\n198.51.100.0/32 via 10.89.0.3", false}, // still filling
		{"10.244.1.0/24 via 10.89.0.3\n198.51.100.0/32 via 10.89.0.3", true},
		{"198.51.100.0/32 via 10.89.0.3", true}, // losing one of the routes is not losing all
		{"", false},
		{"198.51.100.0/32 via 10.89.0.3", false}, // the same as before the loss, but only seen once since
		{"198.51.100.0/32 via 10.89.0.3", true},
	} {
		if got := track(t, dir, look.routes); got != look.want {
			t.Errorf("look %d, routes %q: takes traffic: %v; want %v", i, look.routes, got, look.want)
		}
	}
}

func TestSeconds(t *testing.T) {
	for in, want := range map[time.Duration]string{100 * time.Millisecond: "0.1", 10 * time.Millisecond: "0.01", time.Second: "1", 40950 * time.Millisecond: "40.95"} {
		if got := seconds(in); got != want {
			t.Errorf("%v is %s; want %s", in, got, want)
		}
	}
}

func TestParseMember(t *testing.T) {
	addresses := []netip.Addr{addr("10.89.0.250"), addr("192.0.2.250")}
	links := `[{"ifname":"lo","addr_info":[{"local":"127.0.0.1"}]},{"ifname":"fabric","addr_info":[{"local":"10.89.0.2"},{"local":"10.89.0.250"}]}]`
	m, err := parseMember([]byte("MASTER 1795171414.022250285\n"+links+"\n"), addresses)
	if err != nil || m.State != Master || !m.Since.Equal(time.Unix(1795171414, 22250285)) || len(m.Addresses) != 1 || m.Addresses[0] != addresses[0] {
		t.Errorf("got %+v, %v", m, err)
	}
	m, err = parseMember([]byte("BACKUP 1795171414.%N\n[]"), addresses)
	if err != nil || m.State != Backup || !m.Since.Equal(time.Unix(1795171414, 0)) || len(m.Addresses) != 0 {
		t.Errorf("with a date(1) that has no fractions: %+v, %v", m, err)
	}
	for _, bad := range []string{"", "MASTER\n[]", "MASTER soon\n[]", "MASTER 1\nError"} {
		if m, err := parseMember([]byte(bad), addresses); err == nil {
			t.Errorf("%q was read as %+v", bad, m)
		}
	}
}

func TestHolder(t *testing.T) {
	addresses := []netip.Addr{addr("10.89.0.250"), addr("192.0.2.250")}
	has := func(router string, n int) Member {
		return Member{Router: router, State: Master, Addresses: addresses[:n]}
	}
	tests := []struct {
		name    string
		members []Member
		want    string
		wantErr string
	}{
		{"one has all", []Member{has("r1", 2), has("r2", 0)}, "r1", ""},
		{"the other is dead", []Member{{Router: "r1", Seen: "not running"}, has("r2", 2)}, "r2", ""},
		{"nobody", []Member{has("r1", 0), has("r2", 0)}, "", "nobody has"},
		{"half moved", []Member{has("r1", 1), has("r2", 0)}, "", "r1 has only some of"},
		{"torn apart", []Member{has("r1", 1), has("r2", 1)}, "", "r1 and r2 have"},
		{"two masters", []Member{has("r1", 2), has("r2", 2)}, "", "r1 and r2 have"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := holder("gw", tt.members, addresses)
			if got != tt.want || (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
