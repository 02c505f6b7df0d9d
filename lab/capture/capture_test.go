package capture

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestRingForgetsTheOldest(t *testing.T) {
	second := int64(time.Second)
	for _, test := range []struct {
		name        string
		last        time.Duration
		bytes, size int
		times       []int64 // seconds
		from        int64
		want        []int64
	}{
		{"all fit", time.Minute, 10 * chunkSize, 100, []int64{1, 2, 3}, 0, []int64{1, 2, 3}},
		{"older than asked", time.Minute, 10 * chunkSize, 100, []int64{1, 2, 3}, 2, []int64{2, 3}},
		{"no room: a packet a chunk, two chunks", time.Minute, 2 * chunkSize, chunkSize, []int64{1, 2, 3, 4}, 0, []int64{3, 4}},
		{"too old: forgotten with its chunk", 5 * time.Second, 9 * chunkSize, chunkSize, []int64{1, 2, 8}, 0, []int64{8}},
		{"less than a chunk of memory", time.Minute, 1, 100, []int64{1, 2}, 0, []int64{1, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRing(test.last, test.bytes)
			for _, at := range test.times {
				r.add(packet{at: at * second, length: test.size, data: make([]byte, test.size)})
			}
			var got []int64
			for _, p := range r.since(time.Unix(test.from, 0)) {
				got = append(got, p.at/second)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("held %v, wanted %v", got, test.want)
			}
		})
	}
}

func TestRingKeepsItsBound(t *testing.T) {
	const most = 1 << 20
	r := newRing(time.Hour, most)
	for i := range 100_000 {
		r.add(packet{at: int64(i), length: 1500, data: make([]byte, 200)})
	}
	held := 0
	for _, c := range r.chunks {
		held += cap(c.buf)
	}
	if held+cap(r.free) > most+chunkSize {
		t.Errorf("holds %d bytes, wanted %d and one chunk at the most", held+cap(r.free), most)
	}
	packets := r.since(time.Unix(0, 0))
	if last := packets[len(packets)-1]; last.at != 99_999 || last.length != 1500 || len(last.data) != 200 {
		t.Errorf("the last packet is %d, %d bytes of %d", last.at, len(last.data), last.length)
	}
}

func TestFilterOfTcpdump(t *testing.T) {
	f, err := parse("ip", []byte("4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Filter{{Code: 40, K: 12}, {Code: 21, Jf: 1, K: 2048}, {Code: 6, K: 96}, {Code: 6}}
	if got := f.clipped(96); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, wanted %v", got, want)
	}
	if got := Filter(nil).clipped(96); !reflect.DeepEqual(got, Filter{{Code: 6, K: 96}}) {
		t.Errorf("no filter, clipped, is %v", got)
	}
	for _, wrong := range []string{"", "tcpdump: syntax error", "2\n40 0 0 12\n", "1\nret #0\n"} {
		if f, err := parse("ip", []byte(wrong)); err == nil {
			t.Errorf("%q gave %v, wanted an error", wrong, f)
		}
	}
}

func somePlan() *plan.Plan {
	on := func(network string) plan.Attachment { return plan.Attachment{Network: network} }
	return &plan.Plan{Lab: "l", Scenario: &scenario.Scenario{},
		Networks: []plan.Network{{Name: "fabric", Bridge: "br0", Subnet: netip.MustParsePrefix("172.30.0.0/24")}, {Name: "edge", Bridge: "br1"}},
		Cluster:  &plan.Cluster{Network: "fabric", Nodes: []plan.Node{{Name: "skidpad-l-worker", Short: "worker"}}},
		Routers:  []plan.Router{{Name: "r1", Container: "skidpad-l-r1", Networks: []plan.Attachment{on("fabric"), on("edge")}}},
		Clients:  []plan.Client{{Name: "client", Container: "skidpad-l-client", Network: on("edge")}},
	}
}

func TestSources(t *testing.T) {
	p := somePlan()
	for want, at := range map[string]Where{
		"fabric edge":       {},
		"edge":              {Network: "edge"},
		"r1-fabric r1-edge": {Node: "r1"},
		"worker-fabric":     {Node: "worker"},
		"client-edge":       {Node: "skidpad-l-client"},
	} {
		sources, err := sourcesAt(p, at)
		if got := names(sources); got != want || err != nil {
			t.Errorf("%+v: sources %q, %v; wanted %q", at, got, err, want)
		}
	}
	for _, at := range []Where{{Network: "none"}, {Node: "none"}, {Network: "edge", Node: "r1"}} {
		if _, err := sourcesAt(p, at); err == nil {
			t.Errorf("%+v: no error", at)
		}
	}
	if got := names(everything(p)); got != "fabric edge r1-fabric r1-edge" {
		t.Errorf("a check captures %q", got)
	}
}

func names(all []source) string {
	var s []string
	for _, x := range all {
		s = append(s, x.name)
	}
	return strings.Join(s, " ")
}

func TestPeers(t *testing.T) {
	got := peers([]byte("/sys/class/net/fabric/iflink:466\n/sys/class/net/lo/iflink:1\ngrep: nonsense\n"))
	if !reflect.DeepEqual(got, []int{466, 1}) {
		t.Errorf("peers %v", got)
	}
}

// inNamespace runs f on a thread in a new network namespace; without the permission, inNamespace skips the
// test.
func inNamespace(t *testing.T, f func()) {
	t.Helper()
	runtime.LockOSThread() // not unlocked: the thread ends with the test's goroutine
	before, err := netns.Get()
	if err != nil {
		t.Skipf("no handle on this network namespace: %v", err)
	}
	own, err := netns.New()
	if err != nil {
		t.Skipf("no network namespace of its own to be had (root is wanted): %v", err)
	}
	defer func() {
		if err := errors.Join(netns.Set(before), own.Close(), before.Close()); err != nil {
			t.Error(err)
		}
	}()
	f()
}

// pair makes a pair of interfaces, both up, and returns the number of one end and a socket that sends on the other end.
func pair(t *testing.T) (index int, send func([]byte)) {
	t.Helper()
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "a"}, PeerName: "b"}); err != nil {
		t.Skipf("no pair of interfaces to be had: %v", err)
	}
	var links [2]netlink.Link
	for i, name := range []string{"a", "b"} {
		link, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetUp(link)
		}
		if err != nil {
			t.Fatal(err)
		}
		links[i] = link
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	to := &unix.SockaddrLinklayer{Ifindex: links[1].Attrs().Index, Protocol: swap(unix.ETH_P_IP)}
	return links[0].Attrs().Index, func(frame []byte) {
		if err := unix.Sendto(fd, frame, 0, to); err != nil {
			t.Error(err)
		}
	}
}

// running waits until an interface knows that its other end is up. The kernel reports the state within a
// second (net/core/link_watch.c).
func running(t *testing.T, name string) {
	t.Helper()
	var last netlink.LinkOperState
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		link, err := netlink.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if last = link.Attrs().OperState; last == netlink.OperUp {
			return
		}
	}
	t.Fatalf("%s is %v after 5 s, wanted up", name, last)
}

func TestSocketSeesEveryPacket(t *testing.T) {
	inNamespace(t, func() {
		index, send := pair(t)
		const n, size = 5000, 1000
		// Only packets of Ethernet type 0x88b5 (for experiments), clipped to 64 bytes.
		filter := Filter{{Code: 0x28, K: 12}, {Code: 0x15, Jf: 1, K: 0x88b5}, {Code: bpfReturn, K: 64}, {Code: bpfReturn}}
		s, err := openSocket(index, filter)
		if errors.Is(err, ErrNotPermitted) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer s.release()
		r := newRing(time.Minute, 8<<20)
		var reader sync.WaitGroup
		reader.Go(func() {
			if err := s.read(r.add); err != nil {
				t.Error(err)
			}
		})
		frame := make([]byte, size)
		copy(frame[12:], []byte{0x88, 0xb5})
		began := time.Now()
		for i := range n {
			frame[14], frame[15] = byte(i>>8), byte(i)
			send(frame)
		}
		s.stop()
		reader.Wait()
		packets := r.since(began.Add(-time.Second))
		if st := s.stats(); st.dropped != 0 || len(packets) != n {
			t.Fatalf("saw %d packets, %d dropped; wanted %d", len(packets), st.dropped, n)
		}
		for i, p := range packets {
			if p.length != size || len(p.data) != 64 || int(p.data[14])<<8|int(p.data[15]) != i {
				t.Fatalf("packet %d: %d bytes of %d, number %x", i, len(p.data), p.length, p.data[14:16])
			}
			if d := time.Unix(0, p.at).Sub(began); d < -time.Second || d > time.Minute {
				t.Fatalf("packet %d is %v off", i, d)
			}
		}
	})
}

func TestSocketOutlivesALinkThatGoesDown(t *testing.T) {
	inNamespace(t, func() {
		index, send := pair(t)
		s, err := openSocket(index, Filter(nil).clipped(64))
		if errors.Is(err, ErrNotPermitted) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer s.release()
		link, err := netlink.LinkByIndex(index)
		if err != nil {
			t.Fatal(err)
		}
		seen := make(chan byte, 100)
		ended := make(chan error, 1)
		namespace, err := netns.Get()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = namespace.Close() }()
		go func() {
			runtime.LockOSThread() // looks whether the interface is there: in the namespace that it is in
			if err := netns.Set(namespace); err != nil {
				ended <- err
				return
			}
			ended <- s.read(func(p packet) {
				if p.data[12] == 0x88 && p.data[13] == 0xb5 {
					seen <- p.data[14]
				}
			})
		}()
		expect := func(mark byte) {
			t.Helper()
			frame := make([]byte, 60)
			copy(frame[12:], []byte{0x88, 0xb5, mark})
			send(frame)
			select {
			case got := <-seen:
				if got != mark {
					t.Errorf("saw packet %d, wanted %d", got, mark)
				}
			case err := <-ended:
				t.Fatalf("reading ended before packet %d: %v", mark, err)
			case <-time.After(5 * time.Second):
				t.Fatalf("packet %d was not seen within 5 s", mark)
			}
		}
		expect(1)
		if err := errors.Join(netlink.LinkSetDown(link), netlink.LinkSetUp(link)); err != nil {
			t.Fatal(err)
		}
		running(t, "b") // until then the sender drops what it is given
		expect(2)
		if err := netlink.LinkDel(link); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, errGone) {
				t.Errorf("ended with %v, wanted %v", err, errGone)
			}
		case <-time.After(5 * time.Second):
			t.Error("the interface is gone and reading goes on")
		}
	})
}

func TestFileIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fabric.pcapng")
	packets := []packet{{at: 2_000_000_001, length: 1500, data: make([]byte, 64)}, {at: 1_000_000_007, length: 60, data: make([]byte, 60)}}
	if err := writeFile(path, bridgeSource(somePlan().Networks[0]), 512, "failover of r1 failed", packets, counts{received: 2}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewNgReader(bytes.NewReader(data), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	if c := r.SectionInfo().Comment; c != "failover of r1 failed" {
		t.Errorf("comment %q", c)
	}
	var times []int64
	for {
		_, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, ci.Timestamp.UnixNano())
	}
	if !reflect.DeepEqual(times, []int64{1_000_000_007, 2_000_000_001}) {
		t.Errorf("times %v, wanted them in order and to the nanosecond", times)
	}
	if in, err := r.Interface(0); err != nil || in.Name != "fabric" {
		t.Errorf("interface %+v, %v", in, err)
	}
}
