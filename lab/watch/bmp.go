//go:build linux

package watch

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bmp"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/timeline"
)

// watchBGP receives the BMP messages of a router. The station listens on the router's own loopback, in the router's
// network namespace, so no link fault and no firewall affects the connection.
func (w *Watch) watchBGP(ctx context.Context, p place, by router.Exporter, pid int, ready func()) error {
	listener, err := w.listenBMP(ctx, by, pid)
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer func() {
		stop()
		_ = listener.Close()
	}()
	speaker := w.speaker(p)
	if p.router != nil && p.router.BGP != nil && len(p.router.BGP.Ranges) > 0 {
		watching, end := context.WithCancel(ctx)
		defer end()
		w.sources.Go(func() { w.watchConnections(watching, p, pid, speaker) })
	}
	for kept := false; ; {
		var conn net.Conn
		conn, kept, err = w.acceptBMP(ctx, listener, by, station{p.name, port, by}, kept)
		if ctx.Err() != nil {
			w.add(w.unlessStopping(speaker.lost("container-gone"))...)
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		lost := "its speaker closed the connection"
		if err := w.receiveBMP(ctx, conn, speaker, ready); err != nil {
			lost = err.Error()
		}
		if ctx.Err() != nil {
			w.add(w.unlessStopping(speaker.lost("container-gone"))...)
			return ctx.Err()
		}
		w.add(timeline.New(timeline.LaneAgent, p.name, "bmp-lost", "BMP ended: "+lost, nil))
		w.add(speaker.lost("speaker-gone")...)
	}
}

func (w *Watch) unlessStopping(events []timeline.Event) []timeline.Event {
	if w.stopping() {
		return nil
	}
	return events
}

// listenBMP opens the station's socket. The port is a free port that the router already knows: from a killed watch, or
// from the router's configuration. Without a known free port, listenBMP takes any port.
func (w *Watch) listenBMP(ctx context.Context, by router.Exporter, pid int) (listener *net.TCPListener, err error) {
	ns, err := openNamespace(pid)
	if err != nil {
		return nil, err
	}
	defer func() { _ = ns.Close() }()
	known, err := by.Stations(ctx)
	if err != nil {
		known = nil // the router's daemon may be down now; acceptBMP tries again
	}
	for _, port := range append(slices.Sorted(maps.Keys(known)), 0) {
		listener, err = listenIn(ns, port)
		if !errors.Is(err, unix.EADDRINUSE) {
			return listener, err
		}
	}
	return nil, err
}

func listenIn(ns netns.NsHandle, port int) (l *net.TCPListener, err error) {
	err = inNamespace(ns, func() error {
		l, err = net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("BMP station: %w", err)
	}
	return l, nil
}

// connectWithin bounds the wait for a connection from a speaker with the station. The speaker tries twice a second.
const connectWithin = 1200 * time.Millisecond

// acceptBMP waits for a connection from the speaker. If the speaker does not know the station, acceptBMP adds the
// station; a restarted speaker may have forgotten the station. kept reports that the speaker's configuration has the
// station, so the speaker connects right after a restart. The wait has no limit, because a daemon may be down for long.
// The error comes from the listener.
func (w *Watch) acceptBMP(ctx context.Context, l *net.TCPListener, by router.Exporter, s station, kept bool) (net.Conn, bool, error) {
	for told := kept; ; {
		if told {
			if err := l.SetDeadline(time.Now().Add(connectWithin)); err != nil {
				return nil, kept, fmt.Errorf("BMP station: %w", err)
			}
			conn, err := l.Accept()
			if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
				return conn, kept, err
			}
		}
		known, err := by.Stations(ctx)
		late, there := known[s.port]
		told, kept = err == nil && there, there && !late
		if err == nil && !there {
			err = by.AddStation(ctx, s.port)
			told, late = err == nil, true
		}
		if told && late {
			w.stations.add(s)
		}
		if !told && !pause(ctx) {
			return nil, kept, ctx.Err()
		}
	}
}

const (
	// quietAfter is the pause in the stream after the speaker's initial state.
	quietAfter = 200 * time.Millisecond
	// settledAfter is the limit for the initial state of a speaker that is never quiet.
	settledAfter = 2 * time.Second
)

// receiveBMP reads one connection to its end.
func (w *Watch) receiveBMP(ctx context.Context, conn net.Conn, s *speaker, ready func()) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Close()
	}()
	began := time.Now()
	s.connected(began)
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 64<<10), 1<<20)
	lines.Split(bmp.SplitBMP)
	quiet := time.AfterFunc(quietAfter, func() { w.settled(s, ready) })
	defer quiet.Stop()
	for lines.Scan() {
		at, wall := timeline.Stamp()
		m, err := parseBMP(lines.Bytes())
		if err != nil {
			w.add(timeline.New(timeline.LaneAgent, s.router, "bmp-unread", "a BMP message could not be read: "+err.Error(),
				map[string]string{"message": hex.EncodeToString(lines.Bytes())}))
			continue
		}
		events := s.message(m)
		for i := range events {
			events[i].At, events[i].Wall = at, wall
		}
		w.add(events...)
		if time.Since(began) < settledAfter {
			quiet.Reset(quietAfter)
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// parseBMP reads a message. For a peer-up message only the header matters, because FRR sends some of these messages with
// a truncated OPEN.
func parseBMP(b []byte) (*bmp.BMPMessage, error) {
	m, err := bmp.ParseBMPMessage(b)
	if err == nil || len(b) < bmp.BMP_HEADER_SIZE+bmp.BMP_PEER_HEADER_SIZE {
		return m, err
	}
	up := &bmp.BMPMessage{Body: &bmp.BMPPeerUpNotification{}}
	if up.Header.DecodeFromBytes(b) != nil || up.Header.Type != bmp.BMP_MSG_PEER_UP_NOTIFICATION || up.PeerHeader.DecodeFromBytes(b[bmp.BMP_HEADER_SIZE:]) != nil {
		return nil, err
	}
	return up, nil
}

// settled reports a speaker's initial state once for each connection, and then reports the station as ready.
func (w *Watch) settled(s *speaker, ready func()) {
	if e, ok := s.settled(); ok {
		w.add(e)
	}
	ready()
}
