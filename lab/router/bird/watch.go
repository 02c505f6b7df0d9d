//go:build linux

package bird

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
	"github.com/osrg/gobgp/v4/pkg/packet/mrt"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/wait"
)

// BIRD exports no BMP before version 2.14. BIRD writes the messages of peers and the states of sessions to a file, as
// they happen (RFC 6396). A router's start script begins a new file, and a new control socket, with each BIRD.
const (
	runFolder = "/run/bird"
	dumpFile  = "bgp.mrt"
	socket    = "bird.ctl"
)

// Follow reads BIRD's file until ctx ends. The control socket shows the end of BIRD.
func (r *Router) Follow(ctx context.Context, pid int, to router.Listener) error {
	return follow(ctx, fmt.Sprintf("/proc/%d/root%s", pid, runFolder), to)
}

func follow(ctx context.Context, folder string, to router.Listener) error {
	for {
		alive, err := dial(ctx, path.Join(folder, socket))
		if err == nil {
			err = oneLife(ctx, alive, folder, to)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
		to.Lost("bird-lost", "BIRD closed its control socket")
	}
}

// dialAgainAfter is the pause between attempts to find BIRD.
const dialAgainAfter = 200 * time.Millisecond

// dial waits until BIRD takes a connection to the control socket. dial sends nothing. The time is unlimited, since a
// daemon may be down for long.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	for {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", socket)
		switch {
		case err == nil:
			return conn, nil
		case errors.Is(err, os.ErrPermission):
			return nil, fmt.Errorf("BIRD's control socket: %w; reading inside containers needs root", err)
		}
		if err := wait.Sleep(ctx, dialAgainAfter); err != nil {
			return nil, err
		}
	}
}

// oneLife reports the records of one BIRD, until BIRD ends.
func oneLife(ctx context.Context, alive net.Conn, folder string, to router.Listener) error {
	defer func() { _ = alive.Close() }()
	changes, err := host.WatchFolder(folder, unix.IN_MODIFY|unix.IN_CREATE)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = alive.Close() })
	defer stop()
	go func() { // BIRD's greeting, then nothing until BIRD ends
		_, _ = io.Copy(io.Discard, alive)
		_ = changes.Close()
	}()
	to.Begin()
	f := &mrtFile{path: path.Join(folder, dumpFile)}
	defer f.close()
	buffer := make([]byte, 4096)
	for first := true; ; first = false {
		if err := f.tell(to); err != nil {
			return err
		}
		if first {
			to.Settled()
		}
		if _, err := changes.Read(buffer); err != nil {
			return f.tell(to)
		}
	}
}

// mrtFile is a growing file of records. The file may be missing at first.
type mrtFile struct {
	path string
	file *os.File
	rest []byte // bytes not read as a record yet
}

// tell reports the new records in the file.
func (f *mrtFile) tell(to router.Listener) error {
	if err := f.read(); err != nil {
		return err
	}
	for {
		switch m, err := f.next(); {
		case err != nil:
			to.Unread(err)
		case m == nil:
			return nil
		default:
			tell(m, to)
		}
	}
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

// next takes a record; nil without a whole record. After an error, the next record can be taken.
func (f *mrtFile) next() (*mrt.MRTMessage, error) {
	if len(f.rest) < mrt.MRT_COMMON_HEADER_LEN {
		return nil, nil
	}
	header, err := mrt.ParseHeader(f.rest[:mrt.MRT_COMMON_HEADER_LEN])
	if err != nil {
		f.rest = nil // the start of the next record is unknown
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

// tell reports one record.
func tell(m *mrt.MRTMessage, to router.Listener) {
	peer := func(of *mrt.BGP4MPHeader) router.Peer {
		return router.Peer{Address: of.PeerIpAddress, ASN: of.PeerAS, At: time.Unix(int64(m.Header.Timestamp), 0)}
	}
	switch body := m.Body.(type) {
	case *mrt.BGP4MPStateChange:
		switch p := peer(body.BGP4MPHeader); {
		case body.NewState == mrt.ESTABLISHED:
			to.Established(p)
		case body.OldState == mrt.ESTABLISHED:
			to.Left(p)
		}
	case *mrt.BGP4MPMessage:
		p := peer(body.BGP4MPHeader)
		switch of := body.BGPMessage.Body.(type) {
		case *bgp.BGPUpdate:
			to.Update(p, of)
		case *bgp.BGPNotification:
			to.Notified(p, bgp.NewNotificationErrorCode(of.ErrorCode, of.ErrorSubcode).String())
		}
	}
}
