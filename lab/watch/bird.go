package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/packet/bmp"
	"github.com/osrg/gobgp/v4/pkg/packet/mrt"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/timeline"
)

// BIRD exports no BMP before version 2.14. It writes what its peers send and how its sessions change to a file as it
// happens (RFC 6396). A router's start script begins a new file, and a new control socket, with each BIRD.
const (
	birdFolder = "/run/bird"
	birdFile   = "bgp.mrt"
	birdSocket = "bird.ctl"
)

// watchBIRD follows BIRD's file for as long as the container lives. That BIRD is gone is told by its control socket.
func (w *Watch) watchBIRD(ctx context.Context, p place, pid int, ready func()) error {
	return w.followBIRD(ctx, p, fmt.Sprintf("/proc/%d/root%s", pid, birdFolder), ready)
}

func (w *Watch) followBIRD(ctx context.Context, p place, folder string, ready func()) error {
	s := w.speaker(p)
	for {
		alive, err := dialBIRD(ctx, path.Join(folder, birdSocket))
		if err == nil {
			err = w.lifeOfBIRD(ctx, alive, folder, s, ready)
		}
		if ctx.Err() != nil {
			w.add(w.unlessStopping(s.lost("container-gone"))...)
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		w.add(timeline.New(timeline.LaneAgent, s.router, "bird-lost", "BIRD closed its control socket", nil))
		w.add(s.lost("speaker-gone")...)
	}
}

// dialBIRD waits until BIRD takes a connection to its control socket, on which nothing is asked. It is unlimited, since a
// daemon may be down for long.
func dialBIRD(ctx context.Context, socket string) (net.Conn, error) {
	for {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", socket)
		switch {
		case err == nil:
			return conn, nil
		case errors.Is(err, os.ErrPermission):
			return nil, fmt.Errorf("BIRD's control socket: %w; reading inside containers needs root", err)
		case !pause(ctx):
			return nil, ctx.Err()
		}
	}
}

// lifeOfBIRD tells what one BIRD writes, until it ends.
func (w *Watch) lifeOfBIRD(ctx context.Context, alive net.Conn, folder string, s *speaker, ready func()) error {
	defer func() { _ = alive.Close() }()
	changes, err := watchWrites(folder)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = alive.Close() })
	defer stop()
	go func() { // its greeting, then nothing until it ends
		_, _ = io.Copy(io.Discard, alive)
		_ = changes.Close()
	}()
	began := time.Now()
	s.connected(began)
	f := &mrtFile{path: path.Join(folder, birdFile)}
	defer f.close()
	buffer := make([]byte, 4096)
	for first := true; ; first = false {
		if err := w.readMRT(f, s, first, began); err != nil {
			return err
		}
		if first {
			w.settled(s, ready)
		}
		if _, err := changes.Read(buffer); err != nil {
			return w.readMRT(f, s, false, began)
		}
	}
}

// readMRT tells the records that are new in the file. What was there at the first look, of seconds before it, is no news.
func (w *Watch) readMRT(f *mrtFile, s *speaker, first bool, began time.Time) error {
	if err := f.read(); err != nil {
		return err
	}
	at, wall := timeline.Stamp()
	for {
		m, err := f.next()
		if err != nil {
			w.add(timeline.New(timeline.LaneAgent, s.router, "mrt-unread", "a record could not be read: "+err.Error(), nil))
			continue
		}
		if m == nil {
			return nil
		}
		events := s.record(m)
		if first && int64(m.Header.Timestamp) < began.Unix() {
			continue
		}
		for i := range events {
			events[i].At, events[i].Wall = at, wall
		}
		w.add(events...)
	}
}

// mrtFile is a file that grows by records. It need not be there yet.
type mrtFile struct {
	path string
	file *os.File
	rest []byte // of which no record has been taken yet
}

func (f *mrtFile) read() error {
	if f.file == nil {
		file, err := os.Open(f.path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("what BIRD writes of its sessions: %w", err)
		}
		f.file = file
	}
	more, err := io.ReadAll(f.file)
	if err != nil {
		return fmt.Errorf("what BIRD writes of its sessions: %w", err)
	}
	f.rest = append(f.rest, more...)
	return nil
}

func (f *mrtFile) close() {
	if f.file != nil {
		_ = f.file.Close()
	}
}

// next takes a record; nil where there is no whole one. After an error the next one can be taken.
func (f *mrtFile) next() (*mrt.MRTMessage, error) {
	if len(f.rest) < mrt.MRT_COMMON_HEADER_LEN {
		return nil, nil
	}
	header, err := mrt.ParseHeader(f.rest[:mrt.MRT_COMMON_HEADER_LEN])
	if err != nil {
		f.rest = nil // no telling where the next begins
		return nil, err
	}
	whole := mrt.MRT_COMMON_HEADER_LEN + int(header.Len)
	if len(f.rest) < whole {
		return nil, nil
	}
	body := f.rest[mrt.MRT_COMMON_HEADER_LEN:whole]
	f.rest = f.rest[whole:]
	return mrt.ParseBody(body, header)
}

// record takes a record and returns what it tells, as message does with BMP's.
func (s *speaker) record(m *mrt.MRTMessage) []timeline.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch body := m.Body.(type) {
	case *mrt.BGP4MPStateChange:
		h := recordHeader(m, body.BGP4MPHeader)
		switch {
		case body.NewState == mrt.ESTABLISHED:
			return s.peerUp(h, &bmp.BMPPeerUpNotification{})
		case body.OldState == mrt.ESTABLISHED:
			return s.left(h)
		}
	case *mrt.BGP4MPMessage:
		h := recordHeader(m, body.BGP4MPHeader)
		switch of := body.BGPMessage.Body.(type) {
		case *bgp.BGPUpdate:
			return s.update(h, of)
		case *bgp.BGPNotification:
			_, p := s.peer(h)
			p.notified = bgp.NewNotificationErrorCode(of.ErrorCode, of.ErrorSubcode).String()
		}
	}
	return nil
}

// left ends a session whose state is not Established any more. Only what the peer sent is in the file.
func (s *speaker) left(h bmp.BMPPeerHeader) []timeline.Event {
	a, p := s.peer(h)
	if !p.up {
		return nil
	}
	reason, text := "local", "the router ended it, or the connection closed"
	if p.notified != "" {
		reason, text = "remote-notification", "the peer sent a notification: "+p.notified
	}
	p.notified = ""
	return s.down(a, p, reason, text, "speakerTime", stamp(h))
}

func recordHeader(m *mrt.MRTMessage, of *mrt.BGP4MPHeader) bmp.BMPPeerHeader {
	return bmp.BMPPeerHeader{PeerAddress: of.PeerIpAddress, PeerAS: of.PeerAS, Timestamp: float64(m.Header.Timestamp)}
}

// watchWrites opens an inotify(7) instance that tells when a file in a folder was written to.
func watchWrites(folder string) (*os.File, error) {
	return inotify(folder, unix.IN_MODIFY|unix.IN_CREATE)
}
