package docker

import (
	"archive/tar"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

func TestLabels(t *testing.T) {
	ours := labels("l1", "router", "r1", map[string]string{"a": "b", LabelLab: "not this"})
	want := map[string]string{"a": "b", LabelLab: "l1", LabelRole: "router", LabelNode: "r1"}
	if !reflect.DeepEqual(ours, want) {
		t.Errorf("labels are %v; want %v", ours, want)
	}
	for _, c := range []struct {
		labels    map[string]string
		lab, role string
	}{
		{ours, "l1", "router"},
		{map[string]string{LabelKindCluster: "skidpad-l2"}, "l2", "node"},
		{map[string]string{LabelKindCluster: "somebody's"}, "", "node"},
		{nil, "", ""},
	} {
		if lab, role := labOf(c.labels), roleOf(c.labels); lab != c.lab || role != c.role {
			t.Errorf("%v is of lab %q, role %q; want %q, %q", c.labels, lab, role, c.lab, c.role)
		}
	}
}

func prefixes(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range list {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func TestWidest(t *testing.T) {
	got := widest(prefixes("172.18.0.0/16", "10.1.2.0/24", "10.0.0.0/8", "172.18.0.0/16", "172.18.0.5/32", "192.0.2.0/24", "fd00::/64", "10.1.0.0/16"))
	if want := prefixes("10.0.0.0/8", "172.18.0.0/16", "192.0.2.0/24", "fd00::/64"); !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
	if got := widest(nil); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestUses(t *testing.T) {
	cidr := func(s string) *net.IPNet {
		_, n, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	routes := []netlink.Route{
		{Dst: nil, LinkIndex: 1}, {Dst: cidr("0.0.0.0/0"), LinkIndex: 1}, {Dst: cidr("127.0.0.0/8"), LinkIndex: 1},
		{Dst: cidr("169.254.0.0/16"), LinkIndex: 1}, {Dst: cidr("fe80::/64"), LinkIndex: 1}, {Dst: cidr("ff00::/8"), LinkIndex: 1},
		{Dst: cidr("10.8.0.0/16"), LinkIndex: 7}, {Dst: cidr("10.9.0.0/16")}, {Dst: cidr("172.18.0.0/16"), LinkIndex: 7},
	}
	nets := []network.Summary{{Network: network.Network{
		Name: "kind", Labels: map[string]string{LabelLab: "l1"},
		IPAM: network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix("172.18.0.0/16")}, {Subnet: netip.MustParsePrefix("fc00::/64")}}},
	}}}
	uses := append(networkUses(nets), routeUses(routes, func(int) string { return "wg0" })...)
	var got []netip.Prefix
	for _, u := range uses {
		got = append(got, u.prefix)
	}
	if want := prefixes("172.18.0.0/16", "fc00::/64", "10.8.0.0/16", "10.9.0.0/16", "172.18.0.0/16"); !slices.Equal(got, want) {
		t.Errorf("uses are %v; want %v", got, want)
	}
	for subnet, want := range map[string][]string{
		"172.18.4.0/24": {"the engine's network kind of lab l1 (172.18.0.0/16)"},
		"10.8.1.0/24":   {"the host's route 10.8.0.0/16 by wg0"},
		"10.0.0.0/8":    {"the host's route 10.8.0.0/16 by wg0", "the host's route 10.9.0.0/16"},
		"192.0.2.0/24":  nil,
	} {
		if by := overlapping(netip.MustParsePrefix(subnet), uses); !slices.Equal(by, want) {
			t.Errorf("%s overlaps with %q; want %q", subnet, by, want)
		}
	}
}

func TestSameNetwork(t *testing.T) {
	want := plan.Network{
		Name: "fabric", Docker: "skidpad-l-fabric", Bridge: "sk0", Subnet: netip.MustParsePrefix("10.0.0.0/24"),
		Host: netip.MustParseAddr("10.0.0.1"), Nodes: netip.MustParsePrefix("10.0.0.128/25"),
	}
	same := NetInfo{Lab: "l", Bridge: "sk0", Subnet: want.Subnet, Host: want.Host, Nodes: want.Nodes}
	foreign, moved := same, same
	foreign.Lab, moved.Subnet = "", netip.MustParsePrefix("10.1.0.0/24")
	for _, c := range []struct {
		have NetInfo
		want string
	}{{same, ""}, {foreign, "is not of lab l"}, {moved, "10.1.0.0/24"}} {
		err := sameNetwork("l", want, c.have)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v; want %q", c.have, err, c.want)
		}
	}
}

// An engine before API 1.48 refuses the gateway mode; later engines filter without it.
func TestGatewayMode(t *testing.T) {
	for api, want := range map[string]string{"1.41": "", "1.47": "", "1.48": unprotected, "1.51": unprotected} {
		got := options(plan.Network{}, api)
		if got[optionGateway+"4"] != want || got[optionGateway+"6"] != want {
			t.Errorf("API %s: %v, want mode %q", api, got, want)
		}
	}
}

func TestListed(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.1.0.2")
	i := infoOf(container.Summary{
		ID: "0123456789abcdef", Names: []string{"/other/alias", "/skidpad-l-control-plane"},
		Labels: map[string]string{LabelKindCluster: "skidpad-l"}, State: container.StateExited,
		NetworkSettings: &container.NetworkSettingsSummary{Networks: map[string]*network.EndpointSettings{
			"running": {IPAddress: a}, "asked": {IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: b}}, "none": {}, "nil": nil,
		}},
	})
	if i.Name != "skidpad-l-control-plane" || i.Node != i.Name || i.Lab != "l" || i.Role != "node" || i.State != "exited" {
		t.Errorf("kind's node is listed as %+v", i)
	}
	if want := map[string]netip.Addr{"running": a, "asked": b}; !reflect.DeepEqual(i.Addresses, want) {
		t.Errorf("addresses %v; want %v", i.Addresses, want)
	}
	if name := nameOf(container.Summary{ID: "0123456789abcdef"}); name != "0123456789ab" {
		t.Errorf("a container without a name is called %q", name)
	}
}

func TestArchive(t *testing.T) {
	buf, err := archiveOf([]File{{Path: "/etc/a", Data: []byte("A")}, {Path: "/b", Mode: 0o755}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(buf); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(r)
		got = append(got, h.Name+" "+h.FileInfo().Mode().String()+" "+string(data))
	}
	if want := []string{"etc/a -rw-r--r-- A", "b -rwxr-xr-x "}; !slices.Equal(got, want) {
		t.Errorf("archive holds %q; want %q", got, want)
	}
	for _, path := range []string{"relative", "", "/"} {
		if _, err := archiveOf([]File{{Path: path}}); err == nil {
			t.Errorf("path %q was taken", path)
		}
	}
}

func TestSpecValidate(t *testing.T) {
	good := Spec{Lab: "l", Role: "router", Node: "r1", Name: "c", Image: "i"}
	if err := good.validate(); err != nil {
		t.Error(err)
	}
	bad := good
	bad.Image, bad.NetworkOf, bad.Networks = "", "other", []Attach{{Network: "n", Address: netip.MustParseAddr("fd00::1")}}
	err := bad.validate()
	for _, want := range []string{"Image is empty", "NetworkOf", "IPv4"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q in it", err, want)
		}
	}
}

func TestResult(t *testing.T) {
	for _, c := range []struct {
		stdout, stderr string
		code           int
		wantOut, want  string // want is the error's standard error
	}{
		{"fine", "warning", 0, "fine", ""},
		{"half", "broken", 3, "half", "broken"},
		{"OCI runtime exec failed: no such file", "", 127, "", "OCI runtime exec failed: no such file"},
		{"not found", "", 127, "not found", ""},
	} {
		o := &output{}
		o.stdout.WriteString(c.stdout)
		o.stderr.WriteString(c.stderr)
		out, err := o.result("r1", []string{"x"}, c.code)
		var exit *node.ExitError
		if failed := errors.As(err, &exit); failed != (c.code != 0) || (failed && (exit.Code != c.code || exit.Stderr != c.want)) || string(out) != c.wantOut {
			t.Errorf("%+v: got %q, %v", c, out, err)
		}
	}
}

func TestInnerPid(t *testing.T) {
	for status, want := range map[string]int{
		"Name:\tx\nNSpid:\t4711\t23\nNSsid:\t1\t2\n": 23, "NSpid:\t1\t2\t3\n": 3, "NSpid:\t4711\n": 0, "Name:\tx\n": 0, "NSpid:\t1\tx\n": 0,
	} {
		if got, ok := innerPid(status); got != want || ok != (want != 0) {
			t.Errorf("%q: %d, %v; want %d", status, got, ok, want)
		}
	}
}

func TestParent(t *testing.T) {
	for stat, want := range map[string]int{"12 (sleep) S 7 12": 7, "12 (a) b (c d) R 8 1": 8, "": 0, "12 (x) S": 0, "12 (x) S y": 0} {
		if got := parentIn(stat); got != want {
			t.Errorf("%q: %d; want %d", stat, got, want)
		}
	}
	if line := ancestors("/proc", os.Getpid()); !line[os.Getpid()] || !line[os.Getppid()] {
		t.Errorf("ancestors %v lack %d or its parent %d", line, os.Getpid(), os.Getppid())
	}
}

func TestMakes(t *testing.T) {
	proc := t.TempDir()
	for line, want := range map[string]bool{
		"/usr/bin/docker\x00run\x00--name\x00x\x00": true, "docker\x00create\x00": true,
		"docker\x00exec\x00run\x00": false, "sh\x00run\x00": false, "docker\x00": false, "": false,
	} {
		if err := os.MkdirAll(filepath.Join(proc, "5"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, "5", "cmdline"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := makes(proc, 5); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

// TestEndOrphans starts processes of two labs and expects only one lab's processes to be gone.
func TestEndOrphans(t *testing.T) {
	run := func(lab string) (*exec.Cmd, chan error) {
		cmd := exec.CommandContext(t.Context(), "sleep", "60")
		cmd.Env = []string{"A=b", EnvLab + "=" + lab}
		if err := cmd.Start(); err != nil {
			t.Skipf("no program to start: %v", err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		return cmd, ended
	}
	const lab = "end-orphans-test"
	_, first := run(lab)
	_, second := run(lab)
	other, otherEnded := run(lab + "-2")
	killed, err := endOrphans(t.Context(), "/proc", lab)
	if err != nil || len(killed) != 2 {
		t.Errorf("killed %v, %v; want two", killed, err)
	}
	<-first
	<-second
	select {
	case <-otherEnded:
		t.Error("another lab's process was killed")
	default:
		_ = other.Process.Kill()
		<-otherEnded
	}
	if killed, err := endOrphans(t.Context(), "/proc", lab); err != nil || len(killed) > 0 {
		t.Errorf("the second time: %v, %v", killed, err)
	}
}

func TestConnectErrors(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "absent.sock"))
	if _, err := Connect(t.Context()); !errors.Is(err, ErrNoEngine) || !strings.Contains(err.Error(), "skidpad doctor") {
		t.Errorf("no socket: %v", err)
	}
	if err := connectError("unix:///x", os.ErrPermission); !errors.Is(err, ErrNoPermission) || !strings.Contains(err.Error(), "group") {
		t.Errorf("no permission: %v", err)
	}
	t.Setenv("DOCKER_HOST", "nonsense")
	if _, err := Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "DOCKER_HOST") {
		t.Errorf("wrong address: %v", err)
	}
}

// A container of testcontainers closes the client after a call; the connections of other goroutines must live on.
func TestTheSharedClientKeepsItsConnections(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("API-Version", "1.47") }))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c, err := client.New(client.WithHost("tcp://" + server.Listener.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Ping(t.Context(), client.PingOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := (shared{c}).Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("three calls took %d connections, want 1", n)
	}
}
