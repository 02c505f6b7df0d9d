package netns

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestParseFIB(t *testing.T) {
	// From iproute2 6.1, on an FRR router between two nodes that announce the same address.
	data, err := os.ReadFile(filepath.Join("testdata", "fib.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseFIB(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 {
		t.Fatalf("got %+v", got)
	}
	link, vip := got[0], got[2]
	if link.Protocol != "kernel" || link.Prefix.String() != "172.31.201.0/24" || link.NextHops[0] != (bgp.NextHop{Interface: "fabric"}) {
		t.Errorf("the link's route is %+v", link)
	}
	if vip.Protocol != "bgp" || vip.Prefix.String() != "203.0.113.50/32" || !vip.Via(addr("172.31.201.11"), addr("172.31.201.12")) {
		t.Errorf("the ECMP route is %+v", vip)
	}
}

func TestParseFIBOddRoutes(t *testing.T) {
	tests := []struct {
		name, in, prefix, protocol string
		hops                       []bgp.NextHop
	}{
		{"default, by hand", `[{"dst":"default","gateway":"192.0.2.1","dev":"edge","flags":[]}]`, "0.0.0.0/0", "boot", []bgp.NextHop{{Address: addr("192.0.2.1"), Interface: "edge"}}},
		{"blackhole", `[{"type":"6","dst":"192.0.2.128/25","protocol":"186","flags":[]}]`, "192.0.2.128/25", "bgp", nil},
		{"next hop of the other family", `[{"dst":"192.0.2.7","via":{"family":"inet6","host":"fe80::1"},"dev":"fabric","protocol":"186"}]`, "192.0.2.7/32", "bgp", []bgp.NextHop{{Address: addr("fe80::1"), Interface: "fabric"}}},
		{"IPv6, in two next hops", `[] [{"dst":"2001:db8::50","protocol":"186","pref":"medium","nexthops":[{"gateway":"fd00::64:1","dev":"fabric"},{"gateway":"fd00::64:2","dev":"fabric"}]},{"dst":"fe80::/64","dev":"fabric","protocol":"2","pref":"medium"}]`,
			"2001:db8::50/128", "bgp", []bgp.NextHop{{Address: addr("fd00::64:1"), Interface: "fabric"}, {Address: addr("fd00::64:2"), Interface: "fabric"}}},
		{"IPv6 default", `[{"dst":"default","gateway":"fd00::254","dev":"edge","protocol":"3","pref":"medium"}]`, "::/0", "boot", []bgp.NextHop{{Address: addr("fd00::254"), Interface: "edge"}}},
		{"a protocol without a name here", `[{"dst":"192.0.2.7","gateway":"192.0.2.1","dev":"edge","protocol":"77"}]`, "192.0.2.7/32", "77", []bgp.NextHop{{Address: addr("192.0.2.1"), Interface: "edge"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseFIB([]byte(tt.in))
			if err != nil || len(got) != 1 {
				t.Fatalf("got %+v, %v", got, err)
			}
			r := got[0]
			if r.Prefix.String() != tt.prefix || r.Protocol != tt.protocol || !slices.Equal(r.NextHops, tt.hops) {
				t.Errorf("got %+v", r)
			}
		})
	}
	if r, err := parseFIB([]byte(" \n")); err != nil || r != nil {
		t.Errorf("an empty table: %v, %v", r, err)
	}
	if _, err := parseFIB([]byte("Error: ipv4: FIB table does not exist.")); err == nil {
		t.Error("an error message was read as a table")
	}
}

func TestEntrypoint(t *testing.T) {
	nets := []plan.Attachment{{Network: "fabric", Address: addr("10.89.0.2"), Bits: 24}, {Network: "edge", Address: addr("192.0.2.2"), Bits: 24}}
	got := strings.Join(Entrypoint(nets, nil, nil, "/bin/sh", "/start.sh"), " ")
	if want := "/bin/sh /usr/local/lib/skidpad/init.sh fabric=10.89.0.2 edge=192.0.2.2 -- /bin/sh /start.sh"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = strings.Join(Entrypoint(nets[1:], []string{"addr replace 10.255.0.1/32 dev lo"}, nil, "true"), " ")
	if want := "/bin/sh /usr/local/lib/skidpad/init.sh -i addr replace 10.255.0.1/32 dev lo edge=192.0.2.2 -- true"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	nets[1].Address6 = addr("2001:db8::2")
	got = strings.Join(Entrypoint(nets[1:], []string{"addr replace 10.255.0.1/32 dev lo"}, []string{"up1", "up2"}, "true"), " ")
	if want := "/bin/sh /usr/local/lib/skidpad/init.sh -i addr replace 10.255.0.1/32 dev lo -l up1 -l up2 edge=192.0.2.2,2001:db8::2/64 -- true"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A fake ip(8) only records the commands: renames, the removed default route, new routes.
func TestInitScript(t *testing.T) {
	tests := []struct {
		name, addresses string
		args            []string
		want, failure   string
	}{
		{
			name: "names and gateway", addresses: "2: eth0    inet 10.89.0.2/24 brd 10.89.0.255 scope global eth0",
			args: []string{"-i", "route replace 0.0.0.0/0 via 10.89.0.250", "fabric=10.89.0.2"},
			want: "link set dev eth0 down;link set dev eth0 name skidpad0;link set dev fabric up;-4 route del default;-6 route del default;route replace 0.0.0.0/0 via 10.89.0.250;ran",
		},
		{
			name: "calls of ip in their order", addresses: "2: fabric    inet 10.89.0.2/24 scope global fabric",
			args: []string{"-i", "addr replace 10.255.0.1/32 dev lo", "-i", "route replace blackhole 10.0.0.0/8", "fabric=10.89.0.2"},
			want: "link set dev fabric up;-4 route del default;-6 route del default;addr replace 10.255.0.1/32 dev lo;route replace blackhole 10.0.0.0/8;ran",
		},
		{
			name: "named already", addresses: "2: edge    inet 192.0.2.2/24 scope global edge",
			args: []string{"edge=192.0.2.2"},
			want: "link set dev edge up;-4 route del default;-6 route del default;ran",
		},
		{
			name: "both families", addresses: "2: edge    inet 192.0.2.2/24 scope global edge",
			args: []string{"-i", "route replace 0.0.0.0/0 via 192.0.2.250", "-i", "route replace ::/0 via 2001:db8::250", "edge=192.0.2.2,2001:db8::2/64"},
			want: "link set dev edge up;-6 addr replace 2001:db8::2/64 dev edge nodad;-4 route del default;-6 route del default;" +
				"route replace 0.0.0.0/0 via 192.0.2.250;route replace ::/0 via 2001:db8::250;ran",
		},
		{
			name: "a link that comes after two looks", addresses: "2: edge    inet 192.0.2.2/24 scope global edge",
			args: []string{"-l", "up1", "edge=192.0.2.2"},
			want: "link set dev edge up;-4 route del default;-6 route del default;look;look;look;ran",
		},
		{name: "an argument it does not know", args: []string{"fabric"}, failure: "do not understand argument 'fabric'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "init.sh"), string(initScript))
			write(t, filepath.Join(dir, "ip"), `#!/bin/sh
case "$*" in
"-o -4 addr show") echo "`+tt.addresses+`" ;;
"-o link show dev up1 up") printf 'look;' >>"`+dir+`/log"; [ "$(grep -o look "`+dir+`/log" | wc -l)" -lt 3 ] || echo "3: up1" ;;
*) printf '%s;' "$*" >>"`+dir+`/log"
   case "$*" in *"route del default") false ;; esac ;;
esac
`)
			cmd := exec.Command("/bin/sh", slices.Concat([]string{filepath.Join(dir, "init.sh")}, tt.args, []string{"--", "/bin/sh", "-c", "printf ran >>" + dir + "/log"})...)
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			if tt.failure != "" {
				if err == nil || !strings.Contains(string(out), tt.failure) {
					t.Fatalf("%v: %s", err, out)
				}
				return
			}
			got, readErr := os.ReadFile(filepath.Join(dir, "log"))
			if err != nil || readErr != nil || string(got) != tt.want {
				t.Errorf("%v, %v: %s\n got  %s\n want %s", err, readErr, out, got, tt.want)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
