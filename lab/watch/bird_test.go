package watch

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/packet/mrt"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

// fakeBIRD writes what BIRD would, and has a control socket.
type fakeBIRD struct {
	t      *testing.T
	folder string
	file   *os.File
	socket net.Listener
}

// start begins a life of BIRD's, as the router's start script does: with neither file nor socket of an earlier one.
func (f *fakeBIRD) start() {
	f.t.Helper()
	file, socket := filepath.Join(f.folder, birdFile), filepath.Join(f.folder, birdSocket)
	_ = os.Remove(file)
	_ = os.Remove(socket)
	var err error
	if f.socket, err = net.Listen("unix", socket); err != nil {
		f.t.Fatal(err)
	}
	if f.file, err = os.Create(file); err != nil {
		f.t.Fatal(err)
	}
}

// die closes the control connection, which serve holds.
func (f *fakeBIRD) die(conn net.Conn) {
	_, _ = f.file.Close(), f.socket.Close()
	_ = conn.Close()
}

func (f *fakeBIRD) write(at time.Time, kind mrt.MRTSubTypeBGP4MP, body mrt.Body, err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	m, err := mrt.NewMRTMessage(at, mrt.BGP4MP, kind, body)
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := m.Serialize()
	if err != nil {
		f.t.Fatal(err)
	}
	// In two pieces: the first may be read before the second is there.
	for _, piece := range [][]byte{b[:20], b[20:]} {
		if _, err := f.file.Write(piece); err != nil {
			f.t.Fatal(err)
		}
	}
}

var birdSelf = netip.MustParseAddr("10.89.0.2")

func (f *fakeBIRD) state(at time.Time, from, to mrt.BGPState) {
	body, err := mrt.NewBGP4MPStateChange(64512, 64513, 0, worker, birdSelf, true, from, to)
	f.write(at, mrt.STATE_CHANGE_AS4, body, err)
}

func (f *fakeBIRD) says(at time.Time, m *bgp.BGPMessage) {
	body, err := mrt.NewBGP4MPMessage(64512, 64513, 0, worker, birdSelf, true, m)
	f.write(at, mrt.MESSAGE_AS4, body, err)
}

func (f *fakeBIRD) announces(at time.Time, prefix string) {
	hop, err := bgp.NewPathAttributeNextHop(worker)
	if err != nil {
		f.t.Fatal(err)
	}
	path := bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, []uint32{64512})})
	f.says(at, bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), path, hop}, nlri(f.t, []string{prefix})))
}

// TestBIRD follows two lives of BIRD: what was there is no news, a route comes and goes, a session is ended by its peer, BIRD
// dies with what it had, and comes back.
func TestBIRD(t *testing.T) {
	f := &fakeBIRD{t: t, folder: t.TempDir()}
	long := time.Now().Add(-time.Minute)
	f.start()
	f.state(long, mrt.OPENCONFIRM, mrt.ESTABLISHED)
	f.announces(long, "10.244.1.0/24")

	line := &timeline.Timeline{}
	ctx, cancel := context.WithCancel(t.Context())
	w := &Watch{sink: line, ended: ctx, cancel: cancel, plan: &plan.Plan{}, names: newNames(&planForNames), stations: &stations{}, waiting: map[string]chan struct{}{}}
	p := place{name: "r1", kind: node.KindRouter}
	w.source("bgp r1", func(ctx context.Context, ready func()) error { return w.followBIRD(ctx, p, f.folder, ready) })
	limited, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	await := func(kind string, fields map[string]string) {
		t.Helper()
		if _, err := line.Await(limited, timeline.Filter{Kinds: []string{kind}, Fields: fields}); err != nil {
			t.Fatal(err)
		}
	}
	held, err := f.socket.Accept()
	if err != nil {
		t.Fatal(err)
	}
	await("watching", map[string]string{"sessions": "1", "routes": "1"})
	now := time.Now()
	f.announces(now, "203.0.113.50/32")
	await("announce", map[string]string{"prefix": "203.0.113.50/32", "nextHop": worker.String(), "asPath": "64512"})
	f.says(now, bgp.NewBGPUpdateMessage(nlri(t, []string{"203.0.113.50/32"}), nil, nil))
	await("withdraw", map[string]string{"prefix": "203.0.113.50/32"})
	f.says(now, bgp.NewBGPNotificationMessage(6, 2, nil))
	f.state(now, mrt.ESTABLISHED, mrt.IDLE)
	await("session-down", map[string]string{"reason": "remote-notification"})
	f.state(now, mrt.OPENCONFIRM, mrt.ESTABLISHED)
	f.announces(now, "10.244.2.0/24")
	await("announce", map[string]string{"prefix": "10.244.2.0/24"})
	f.die(held)
	await("bird-lost", nil)
	await("withdraw", map[string]string{"because": "speaker-gone", "prefix": "10.244.2.0/24"})
	f.start()
	if held, err = f.socket.Accept(); err != nil {
		t.Fatal(err)
	}
	f.state(time.Now().Add(time.Second), mrt.OPENCONFIRM, mrt.ESTABLISHED)
	f.announces(time.Now(), "10.244.3.0/24")
	await("announce", map[string]string{"prefix": "10.244.3.0/24"})
	if err := w.Stop(limited); err != nil {
		t.Fatal(err)
	}
	_ = held.Close()
	if first := line.Events()[0]; first.Kind != "watching" {
		t.Errorf("what was there before is told as news: %s", first.Line(first.At))
	}
}
