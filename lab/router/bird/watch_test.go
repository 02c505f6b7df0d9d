package bird

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/packet/mrt"

	"skidpad.dev/skidpad/lab/router"
)

// fakeBIRD writes BIRD's records, and has a control socket.
type fakeBIRD struct {
	t      *testing.T
	folder string
	file   *os.File
	socket net.Listener
}

// start begins a life of BIRD, as the router's start script does: without the file and the socket of an earlier life.
func (f *fakeBIRD) start() {
	f.t.Helper()
	file, control := filepath.Join(f.folder, dumpFile), filepath.Join(f.folder, socket)
	_ = os.Remove(file)
	_ = os.Remove(control)
	var err error
	if f.socket, err = net.Listen("unix", control); err != nil {
		f.t.Fatal(err)
	}
	if f.file, err = os.Create(file); err != nil {
		f.t.Fatal(err)
	}
}

// die closes the control connection that serve holds.
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
	// In two pieces: a reader may read the first piece before the second piece is written.
	for _, piece := range [][]byte{b[:20], b[20:]} {
		if _, err := f.file.Write(piece); err != nil {
			f.t.Fatal(err)
		}
	}
}

var self, peer = netip.MustParseAddr("10.89.0.2"), netip.MustParseAddr("10.89.0.11")

func (f *fakeBIRD) state(at time.Time, from, to mrt.BGPState) {
	body, err := mrt.NewBGP4MPStateChange(64512, 64513, 0, peer, self, true, from, to)
	f.write(at, mrt.STATE_CHANGE_AS4, body, err)
}

func (f *fakeBIRD) says(at time.Time, m *bgp.BGPMessage) {
	body, err := mrt.NewBGP4MPMessage(64512, 64513, 0, peer, self, true, m)
	f.write(at, mrt.MESSAGE_AS4, body, err)
}

func (f *fakeBIRD) announces(at time.Time, prefix string) {
	hop, err := bgp.NewPathAttributeNextHop(peer)
	if err != nil {
		f.t.Fatal(err)
	}
	path := bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, []uint32{64512})})
	f.says(at, bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), path, hop}, nlri(f.t, prefix)))
}

func nlri(t *testing.T, prefix string) []bgp.PathNLRI {
	t.Helper()
	n, err := bgp.NewIPAddrPrefix(netip.MustParsePrefix(prefix))
	if err != nil {
		t.Fatal(err)
	}
	return []bgp.PathNLRI{{NLRI: n}}
}

// heard records each report as a line.
type heard chan string

func (h heard) Begin()                             { h <- "begin" }
func (h heard) Settled()                           { h <- "settled" }
func (h heard) Established(p router.Peer)          { h <- fmt.Sprint("established ", p.Address, " ", p.ASN) }
func (h heard) Notified(_ router.Peer, why string) { h <- "notified " + why }
func (h heard) Left(p router.Peer)                 { h <- fmt.Sprint("left ", p.Address) }
func (h heard) Unread(err error)                   { h <- "unread " + err.Error() }
func (h heard) Lost(kind, _ string)                { h <- kind }
func (h heard) Update(_ router.Peer, u *bgp.BGPUpdate) {
	h <- fmt.Sprintf("update +%d -%d", len(u.NLRI), len(u.WithdrawnRoutes))
}

// TestFollow follows two lives of BIRD: a route comes and goes, the peer ends the session, BIRD dies and comes back.
func TestFollow(t *testing.T) {
	f := &fakeBIRD{t: t, folder: t.TempDir()}
	f.start()
	f.state(time.Now(), mrt.OPENCONFIRM, mrt.ESTABLISHED)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	h, ended := make(heard, 100), make(chan error, 1)
	go func() { ended <- follow(ctx, f.folder, h) }()
	want := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			select {
			case got := <-h:
				if got != line {
					t.Fatalf("seen %q, want %q", got, line)
				}
			case <-ctx.Done():
				t.Fatalf("seen nothing, want %q", line)
			}
		}
	}
	held, err := f.socket.Accept()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	want("begin", "established 10.89.0.11 64512", "settled")
	f.announces(now, "203.0.113.50/32")
	want("update +1 -0")
	f.says(now, bgp.NewBGPUpdateMessage(nlri(t, "203.0.113.50/32"), nil, nil))
	want("update +0 -1")
	f.says(now, bgp.NewBGPNotificationMessage(6, 2, nil))
	f.state(now, mrt.ESTABLISHED, mrt.IDLE)
	want("notified "+bgp.NewNotificationErrorCode(6, 2).String(), "left 10.89.0.11")
	f.die(held)
	want("bird-lost")
	f.start()
	if held, err = f.socket.Accept(); err != nil {
		t.Fatal(err)
	}
	want("begin", "settled")
	f.state(now, mrt.OPENCONFIRM, mrt.ESTABLISHED)
	want("established 10.89.0.11 64512")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the end is %v", err)
	}
	_ = held.Close()
}
