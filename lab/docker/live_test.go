package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// live is an engine with an image and a lab name of the test's own. The test's cleanup removes both.
type live struct {
	*Engine
	image, lab string
}

func liveEngine(t *testing.T) live {
	t.Helper()
	if testing.Short() {
		t.Skip("live test: -short")
	}
	e, err := Connect(t.Context())
	if err != nil {
		t.Skipf("live test: %v", err)
	}
	name := fmt.Sprintf("dt%d%s", os.Getpid(), strings.ToLower(t.Name()[len("TestLive"):]))
	l := live{Engine: e, lab: name, image: "skidpad.local/docker-test:" + name}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := e.Remove(ctx, l.lab); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
		if _, err := e.Client.ImageRemove(ctx, l.image, client.ImageRemoveOptions{Force: true}); err != nil && !notFound(err) {
			t.Errorf("cleaning up: %v", err)
		}
		_ = e.Close()
	})
	importBusybox(t, e, l.image)
	return l
}

// importBusybox makes an image of one static program.
func importBusybox(t *testing.T, e *Engine, ref string) {
	t.Helper()
	program := busybox(t)
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	headers := []tar.Header{{Name: "bin/busybox", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg}}
	for _, applet := range []string{"sh", "cat", "sleep", "ip", "hostname", "kill", "ls", "id", "head"} {
		headers = append(headers, tar.Header{Name: "bin/" + applet, Linkname: "busybox", Typeflag: tar.TypeSymlink})
	}
	for _, dir := range []string{"proc/", "sys/", "dev/", "etc/", "tmp/"} {
		headers = append(headers, tar.Header{Name: dir, Mode: 0o755, Typeflag: tar.TypeDir})
	}
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			_, _ = w.Write(program)
		}
	}
	_ = w.Close()
	result, err := e.Client.ImageImport(t.Context(), client.ImageImportSource{Source: &buf, SourceName: "-"}, ref,
		client.ImageImportOptions{Changes: []string{"EXPOSE 8080", "ENV PATH=/bin", `VOLUME ["/data"]`}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = result.Close() }()
	if said, err := io.ReadAll(result); err != nil || bytes.Contains(said, []byte(`"error"`)) {
		t.Fatalf("importing the image: %v: %s", err, said)
	}
}

// busybox returns Debian's static busybox, of this host or from its package.
func busybox(t *testing.T) []byte {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("live test: no cache folder: %v", err)
	}
	dir := filepath.Join(cache, "skidpad", "test-busybox")
	path := filepath.Join(dir, "bin", "busybox")
	if program, err := os.ReadFile(path); err == nil {
		return program
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Skipf("live test: %v", err)
	}
	fetch := exec.CommandContext(t.Context(), "sh", "-c", "apt-get download busybox-static && dpkg-deb -x busybox-static_*.deb . && rm -f *.deb")
	fetch.Dir = dir
	if said, err := fetch.CombinedOutput(); err != nil {
		t.Skipf("live test: no package busybox-static to be had: %v: %s", err, said)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("live test: %v", err)
	}
	return program
}

// network plans a network on a free subnet.
func (l live) network(t *testing.T, name string) plan.Network {
	t.Helper()
	taken, err := l.Taken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 250 {
		base := netip.AddrFrom4([4]byte{10, 213, byte(i), 0})
		subnet := netip.PrefixFrom(base, 24)
		if slices.ContainsFunc(taken, subnet.Overlaps) {
			continue
		}
		return plan.Network{
			Name: name, Docker: "skidpad-" + l.lab + "-" + name, Bridge: fmt.Sprintf("dt%d%s", os.Getpid()%100000, name),
			Subnet: subnet, Host: netip.AddrFrom4([4]byte{10, 213, byte(i), 1}),
			Nodes: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 213, byte(i), 128}), 25),
		}
	}
	t.Fatal("no subnet is free")
	return plan.Network{}
}

func (l live) create(t *testing.T, name string, extra map[string]string) plan.Network {
	t.Helper()
	n := l.network(t, name)
	if err := l.CreateNetwork(t.Context(), l.lab, n, extra); err != nil {
		t.Fatal(err)
	}
	return n
}

func (l live) spec(name string, attach ...Attach) Spec {
	return Spec{
		Lab: l.lab, Role: string(node.KindRouter), Node: name, Name: "skidpad-" + l.lab + "-" + name, Image: l.image,
		Entrypoint: []string{"sleep", "3600"}, Networks: attach,
	}
}

func (l live) start(t *testing.T, s Spec) *Container {
	t.Helper()
	c, err := l.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// at is an address of a network's subnet.
func at(n plan.Network, last byte) Attach {
	ip := n.Subnet.Addr().As4()
	ip[3] = last
	return Attach{Network: n.Docker, Address: netip.AddrFrom4(ip)}
}

func TestLiveStart(t *testing.T) {
	l := liveEngine(t)
	big := strings.Repeat("x", 30_000)
	fabric := l.create(t, "fab", map[string]string{"dev.skidpad.plan": big})
	edge := l.create(t, "edg", nil)
	s := l.spec("r1", at(fabric, 11), at(edge, 12))
	s.CapAdd = []string{"NET_ADMIN"}
	s.Sysctls = map[string]string{"net.ipv4.ip_forward": "1"}
	s.Env = map[string]string{"COLOUR": "green"}
	s.Files = []File{{Path: "/opt/new/init.sh", Mode: 0o755, Data: []byte("#!/bin/sh\nip -4 -o address >/tmp/seen\nexec sleep 3600\n")}}
	s.Entrypoint = []string{"/opt/new/init.sh"}
	s.Labels = map[string]string{"extra": "yes", LabelLab: "cannot-override"}
	r1 := l.start(t, s)

	for _, c := range []struct{ what, script, want string }{
		{"first interface at the entrypoint", "cat /tmp/seen", at(fabric, 11).Address.String() + "/24"},
		{"second interface at the entrypoint", "cat /tmp/seen", at(edge, 12).Address.String() + "/24"},
		{"host name", "hostname", "r1"},
		{"sysctl", "cat /proc/sys/net/ipv4/ip_forward", "1"},
		{"environment", "echo $COLOUR", "green"},
		{"capability", "ip link set lo down && ip link set lo up && echo may", "may"},
	} {
		out, err := r1.Exec(t.Context(), "sh", "-c", c.script)
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: got %q, %v; want %q in it", c.what, out, err, c.want)
		}
	}

	guard := l.spec("gw")
	guard.NetworkOf = s.Name
	inside, err := l.start(t, guard).Exec(t.Context(), "ip", "-4", "-o", "address")
	if err != nil || !strings.Contains(string(inside), at(edge, 12).Address.String()) {
		t.Errorf("container in another's namespace sees %q, %v", inside, err)
	}

	infos, err := l.Containers(t.Context(), l.lab)
	if err != nil || len(infos) != 2 {
		t.Fatalf("containers: %v, %v", infos, err)
	}
	i := infos[slices.IndexFunc(infos, func(i Info) bool { return i.Node == "r1" })]
	if i.Lab != l.lab || i.Role != "router" || i.State != "running" || i.Labels["extra"] != "yes" || i.Addresses[edge.Docker] != at(edge, 12).Address {
		t.Errorf("r1 is listed as %+v", i)
	}
	if i.Labels["org.testcontainers"] != "" {
		t.Error("r1 carries testcontainers' labels, by which a reaper could find it")
	}
	got, err := l.Client.ContainerInspect(t.Context(), s.Name, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for port, bindings := range got.Container.NetworkSettings.Ports {
		if len(bindings) > 0 {
			t.Errorf("port %s is published at %v", port, bindings)
		}
	}
	mac, err := r1.Exec(t.Context(), "ip", "link")
	if hex := fmt.Sprintf("02:42:0a:d5:%02x:0c", edge.Subnet.Addr().As4()[2]); err != nil || !strings.Contains(string(mac), hex) {
		t.Errorf("no interface has the MAC %s: %s", hex, mac)
	}
	if pid, err := l.Pid(t.Context(), s.Name); err != nil || pid <= 1 {
		t.Errorf("pid %d, %v", pid, err)
	}

	nets, err := l.Networks(t.Context(), l.lab)
	if err != nil || len(nets) != 2 || nets[1].Labels["dev.skidpad.plan"] != big || nets[1].Subnet != fabric.Subnet || nets[1].Nodes != fabric.Nodes || nets[1].Bridge != fabric.Bridge {
		t.Errorf("networks: %d, %v", len(nets), err)
	}
	if labs, err := l.Labs(t.Context()); err != nil || !slices.Contains(labs, l.lab) {
		t.Errorf("labs %v, %v; want %s among them", labs, err, l.lab)
	}
}

func TestLiveConflicts(t *testing.T) {
	l := liveEngine(t)
	n := l.create(t, "fab", nil)
	if err := l.CreateNetwork(t.Context(), l.lab, n, nil); err != nil {
		t.Errorf("the same network again: %v", err)
	}
	other := n
	other.Docker, other.Bridge, other.Subnet = n.Docker+"2", "dtother", netip.PrefixFrom(n.Subnet.Addr(), 20).Masked()
	err := l.CreateNetwork(t.Context(), l.lab, other, nil)
	var overlap *OverlapError
	if !errors.As(err, &overlap) || !strings.Contains(err.Error(), n.Docker) {
		t.Errorf("overlapping network: %v; want %s named", err, n.Docker)
	}
	t.Log(err)
	moved := n
	moved.Host = n.Host.Next()
	if err := l.CreateNetwork(t.Context(), l.lab, moved, nil); err == nil || !strings.Contains(err.Error(), "exists with") {
		t.Errorf("the same name with another gateway: %v", err)
	}
	l.start(t, l.spec("r1", at(n, 11)))
	for _, c := range []struct {
		what string
		spec Spec
		want string
	}{
		{"address in use", l.spec("r2", at(n, 11)), "in use by container skidpad-" + l.lab + "-r1"},
		{"the bridge's address", l.spec("r3", at(n, 1)), "the network's own bridge"},
		{"name in use", l.spec("r1", at(n, 12)), "exists already"},
		{"absent image", func() Spec { s := l.spec("r4"); s.Image = "skidpad.local/absent:1"; return s }(), "skidpad.local/absent:1"},
		{"both networks", func() Spec { s := l.spec("r5", at(n, 5)); s.NetworkOf = "x"; return s }(), "lab bug"},
	} {
		_, err := l.Start(t.Context(), c.spec)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q in it", c.what, err, c.want)
		}
		t.Log(err)
	}
}

func TestLiveExec(t *testing.T) {
	l := liveEngine(t)
	c := l.start(t, l.spec("r1"))
	out, err := c.Exec(t.Context(), "sh", "-c", "echo out; echo err >&2; exit 3")
	var exit *node.ExitError
	if !errors.As(err, &exit) || exit.Code != 3 || exit.Stderr != "err\n" || string(out) != "out\n" || exit.Node != "r1" {
		t.Errorf("failing command: %q, %#v", out, err)
	}
	if _, err = c.Exec(t.Context(), "no-such-program"); !errors.As(err, &exit) || exit.Code < 126 || !strings.Contains(exit.Stderr, "no-such-program") {
		t.Errorf("absent program: %#v", err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if out, err = c.ExecInput(t.Context(), big, "cat"); err != nil || !bytes.Equal(out, big) {
		t.Errorf("1 MiB through cat: %d bytes, %v", len(out), err)
	}
	if _, err = c.ExecInput(t.Context(), big, "head", "-c", "1"); err != nil {
		t.Errorf("input that is not read to its end: %v", err)
	}
	if err := l.CopyTo(t.Context(), c.Ref(), []File{{Path: "/etc/late", Data: []byte("late")}}); err != nil {
		t.Error(err)
	}
	if out, err = c.Exec(t.Context(), "cat", "/etc/late"); err != nil || string(out) != "late" {
		t.Errorf("copied file: %q, %v", out, err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if out, err := c.Exec(t.Context(), "hostname"); err != nil || string(out) != "r1\n" {
				t.Errorf("one of eight commands at once: %q, %v", out, err)
			}
		})
	}
	wg.Wait()

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	out, err = c.Exec(ctx, "sh", "-c", "echo begun; sleep 77 & sleep 77; echo never")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 3*time.Second {
		t.Errorf("cut off after %s: %q, %v", time.Since(began), out, err)
	}
	t.Logf("cut off after %s: %v", time.Since(began), err)
	if left, err := c.Exec(t.Context(), "sh", "-c", "for p in /proc/[0-9]*; do read -r l <$p/cmdline; case $l in sleep*77*) echo $p; esac; done"); err != nil || len(left) > 0 {
		t.Errorf("commands that were cut off still run: %s %v", left, err)
	}

	if _, err := l.Client.ContainerKill(t.Context(), c.Ref(), client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "hostname"); err == nil || !strings.Contains(err.Error(), "exited with exit code 137") {
		t.Errorf("command in a dead container: %v", err)
	}
	if _, err := l.Node("gone", node.KindClient, "no-such-container").Exec(t.Context(), "id"); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("command in no container: %v", err)
	}
	s := l.spec("talker")
	s.Entrypoint = []string{"sh", "-c", "echo one; echo two >&2; exit 4"}
	l.start(t, s)
	ended := l.Client.ContainerWait(t.Context(), s.Name, client.ContainerWaitOptions{})
	select {
	case <-ended.Result:
	case err := <-ended.Error:
		t.Fatal(err)
	}
	if logs, err := l.Logs(t.Context(), s.Name, 0); err != nil || !strings.Contains(logs, "one\n") || !strings.Contains(logs, "two\n") {
		t.Errorf("logs %q, %v", logs, err)
	}
	if _, err := l.Pid(t.Context(), s.Name); err == nil || !strings.Contains(err.Error(), "two") {
		t.Errorf("pid of a container that ended: %v", err)
	}
}

func TestLiveKillInside(t *testing.T) {
	l := liveEngine(t)
	c := l.start(t, l.spec("r1"))
	created, err := l.Client.ExecCreate(t.Context(), c.Ref(), client.ExecCreateOptions{Cmd: []string{"sleep", "78"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Client.ExecStart(t.Context(), created.ID, client.ExecStartOptions{Detach: true}); err != nil {
		t.Fatal(err)
	}
	state, err := l.Client.ExecInspect(t.Context(), created.ID, client.ExecInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", state.PID))
	if err != nil {
		t.Skipf("the engine's processes are not this host's: %v", err)
	}
	inner, ok := innerPid(string(status))
	if !ok {
		t.Fatalf("no inner process ID in %s", status)
	}
	if err := l.killInside(t.Context(), state.ContainerID, inner); err != nil {
		t.Fatal(err)
	}
	if code, err := c.exitCode(t.Context(), created.ID); err != nil || code != 137 {
		t.Errorf("exit code %d, %v; want 137", code, err)
	}
}
