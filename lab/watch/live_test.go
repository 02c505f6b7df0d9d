package watch

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

// namespaceOfTest makes a network namespace for a test, kept by a thread's number instead of a container's process.
func namespaceOfTest(t *testing.T) (tid int, do func(func() error)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	tids, work, done := make(chan int), make(chan func() error), make(chan error)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			close(tids)
			return
		}
		ns, err := netns.New()
		if err != nil {
			close(tids)
			return
		}
		defer func() {
			if errors.Join(netns.Set(home), home.Close()) == nil {
				runtime.UnlockOSThread()
			}
		}()
		tids <- unix.Gettid()
		for f := range work {
			done <- f()
		}
		_ = ns.Close()
	}()
	tid, ok := <-tids
	if !ok {
		t.Skip("this host lets nobody make network namespaces")
	}
	t.Cleanup(func() {
		close(work)
		<-ended // only now the thread is back in the namespace of this process
	})
	return tid, func(f func() error) {
		t.Helper()
		work <- f
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func mustAddr(t *testing.T, s string) *netlink.Addr {
	t.Helper()
	a, err := netlink.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestKernel is about a router's kernel: a route comes, the gateway's address comes, and the link goes. The kernel sends
// no message for the routes of the link.
func TestKernel(t *testing.T) {
	tid, do := namespaceOfTest(t)
	_, far, err := net.ParseCIDR("203.0.113.0/24")
	if err != nil {
		t.Fatal(err)
	}
	var fabric netlink.Link
	do(func() error {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "fabric"}, PeerName: "other"}
		if err := netlink.LinkAdd(veth); err != nil {
			return err
		}
		other, err := netlink.LinkByName("other")
		if err != nil {
			return err
		}
		if fabric, err = netlink.LinkByName("fabric"); err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetUp(other), netlink.LinkSetUp(fabric), netlink.AddrAdd(fabric, mustAddr(t, "192.0.2.2/24")))
	})
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) { // the kernel may report this up to 1 s late
		do(func() (err error) { fabric, err = netlink.LinkByName("fabric"); return err })
		if up(fabric.Attrs()) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the link did not come up: %+v", fabric.Attrs())
		}
	}
	line := &timeline.Timeline{}
	ctx, cancel := context.WithCancel(t.Context())
	w := &Watch{sink: line, ended: ctx, plan: &planForNames, names: newNames(&planForNames)}
	var running sync.WaitGroup
	ready := make(chan struct{})
	running.Go(func() {
		err := w.watchKernel(ctx, place{name: "r1", kind: node.KindRouter}, tid, false, func() { close(ready) })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
	defer running.Wait()
	defer cancel()
	<-ready
	if n := line.Len(); n != 0 {
		t.Errorf("%d events before anything happened: %+v", n, line.Events())
	}
	await := func(lane timeline.Lane, kind string, fields map[string]string) {
		t.Helper()
		limited, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := line.Await(limited, timeline.Filter{Lanes: []timeline.Lane{lane}, Kinds: []string{kind}, Fields: fields}); err != nil {
			t.Fatal(err)
		}
	}
	do(func() error {
		return netlink.RouteAdd(&netlink.Route{Dst: far, Gw: net.ParseIP("192.0.2.9"), LinkIndex: fabric.Attrs().Index, Protocol: unix.RTPROT_BGP})
	})
	await(timeline.LaneFIB, "route-add", map[string]string{"prefix": "203.0.113.0/24", "to": "via 192.0.2.9, bgp"})
	do(func() error { return netlink.AddrAdd(fabric, mustAddr(t, "192.0.2.250/24")) })
	await(timeline.LaneVRRP, "address-added", map[string]string{"address": "192.0.2.250", "gateway": "gw"})
	do(func() error { return netlink.LinkSetDown(fabric) })
	await(timeline.LaneNode, "link-down", map[string]string{"interface": "fabric"})
	// The loss of either end of the link removes the route, whichever loss comes first.
	await(timeline.LaneFIB, "route-del", map[string]string{"prefix": "203.0.113.0/24"})
	do(func() error { return netlink.LinkSetUp(fabric) })
	await(timeline.LaneNode, "link-up", map[string]string{"interface": "fabric"})
	do(func() error { return netlink.AddrDel(fabric, mustAddr(t, "192.0.2.250/24")) })
	await(timeline.LaneVRRP, "address-removed", map[string]string{"address": "192.0.2.250"})
}

// TestARPCapture captures ARP between two ports of a bridge, with the kernel's time.
func TestARPCapture(t *testing.T) {
	_, do := namespaceOfTest(t)
	var capture, sender *os.File
	do(func() error {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br"}}
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "port"}, PeerName: "host"}
		if err := errors.Join(netlink.LinkAdd(bridge), netlink.LinkAdd(veth)); err != nil {
			return err
		}
		host, err := netlink.LinkByName("host")
		if err != nil {
			return err
		}
		if err := errors.Join(netlink.LinkSetMaster(veth, bridge), netlink.LinkSetUp(bridge), netlink.LinkSetUp(veth), netlink.LinkSetUp(host)); err != nil {
			return err
		}
		if capture, err = openARP("br"); err != nil {
			return err
		}
		sender, err = openARP("host")
		return err
	})
	defer func() { _, _ = capture.Close(), sender.Close() }()
	raw, err := capture.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 128)
	var n int
	var sent, at int64
	for end := time.Now().Add(5 * time.Second); ; { // the bridge's port may not forward yet
		if err := capture.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		sent = timeline.Now()
		// The destination is a unicast address of another host: only a promiscuous bridge passes the frame up.
		if _, err := sender.Write(frame(t, answer)); err != nil {
			t.Fatal(err)
		}
		if n, at, err = receive(raw, b, make([]byte, 128)); err == nil {
			break
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if p, ok := parseARP(b[:n]); !ok || !p.reply || p.senderMAC != "02:42:c0:00:02:03" {
		t.Errorf("captured %+v, %v", p, ok)
	}
	if late := time.Duration(at - sent); late < -time.Millisecond || late > 100*time.Millisecond {
		t.Errorf("it is stamped %s after it was sent", late)
	}
}

// fakeBGP is a speaker that connects to a new station at once, like FRR, and forgets all stations at a restart.
type fakeBGP struct {
	t     *testing.T
	mu    sync.Mutex
	ports []int
	told  int
	say   []*bmp.BMPMessage
	conn  net.Conn
}

func (f *fakeBGP) Stations(context.Context) (map[int]bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := map[int]bool{}
	for _, port := range f.ports {
		known[port] = true
	}
	return known, nil
}

func (f *fakeBGP) AddStation(_ context.Context, port int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ports, f.told = append(f.ports, port), f.told+1
	conn, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))))
	if err != nil {
		return err
	}
	f.conn = conn
	for _, m := range f.say {
		b, err := m.Serialize()
		if err != nil {
			return err
		}
		if _, err := conn.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeBGP) RemoveStation(_ context.Context, port int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ports = slices.DeleteFunc(f.ports, func(p int) bool { return p == port })
	return f.conn.Close()
}

// die ends the connection and forgets the stations.
func (f *fakeBGP) die() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ports = nil
	if err := f.conn.Close(); err != nil {
		f.t.Error(err)
	}
}

// TestStation kills a speaker: the watch adds the station again, and removes the station at the end.
func TestStation(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("entering network namespaces needs root")
	}
	long := float64(time.Now().Unix() - 60)
	f := &fakeBGP{t: t, say: []*bmp.BMPMessage{peerUp(t, worker, long), announce(t, worker, "203.0.113.50/32")}}
	line := &timeline.Timeline{}
	ctx, cancel := context.WithCancel(t.Context())
	w := &Watch{sink: line, ended: ctx, cancel: cancel, plan: &plan.Plan{}, names: newNames(&planForNames), stations: &stations{}, waiting: map[string]chan struct{}{}}
	p := place{name: "r1", kind: node.KindRouter}
	w.source("bgp r1", func(ctx context.Context, ready func()) error { return w.watchBGP(ctx, p, f, os.Getpid(), ready) })
	if err := w.awaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	limited, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	f.die()
	for _, want := range []timeline.Filter{
		{Kinds: []string{"watching"}, Fields: map[string]string{"sessions": "1", "routes": "1"}},
		{Kinds: []string{"bmp-lost"}},
		{Kinds: []string{"session-down"}, Fields: map[string]string{"reason": "speaker-gone"}},
		{Kinds: []string{"withdraw"}, Fields: map[string]string{"because": "speaker-gone", "prefix": "203.0.113.50/32"}},
		{Kinds: []string{"session-up"}, Fields: map[string]string{"seen": "dump"}},
	} {
		if _, err := line.Await(limited, want); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Stop(limited); err != nil {
		t.Fatal(err)
	}
	if len(f.ports) != 0 || f.told != 2 {
		t.Errorf("stations %v are left; it was told %d times, wanted twice", f.ports, f.told)
	}
}

// TestConnections finds a connection by address. A connection closed at this end only is missing, even if another
// connection has the same ports.
func TestConnections(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("entering network namespaces needs root")
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	dial := func(from string, port int) net.Conn {
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from), Port: port}}).Dial("tcp4", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		other, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = conn.Close(), other.Close() })
		return conn
	}
	conn := dial("127.0.0.2", 0)
	local, remote := conn.LocalAddr().(*net.TCPAddr).AddrPort(), conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	dial("127.0.0.3", int(local.Port()))
	c := &connections{pid: os.Getpid()}
	if err := c.open(); err != nil {
		t.Fatal(err)
	}
	defer c.diag.Close()
	a := netip.MustParseAddr("127.0.0.1")
	c.known = map[netip.Addr]connection{a: {local, remote}}
	if !c.established(a) || len(c.known) != 1 {
		t.Errorf("the connection was not found by itself; known is %v", c.known)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if c.established(a) {
		t.Error("a connection that was closed counts as established")
	}
}
