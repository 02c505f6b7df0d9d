//go:build linux

package watch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

// watchARP captures ARP on a network's bridge, from the host: all packets from any port and any sender.
func (w *Watch) watchARP(ctx context.Context, n plan.Network, ready func()) error {
	capture, err := openARP(n.Bridge)
	if err != nil {
		return err
	}
	table := arpTable{network: n.Name, who: w.who, whoMAC: w.whoMAC, at: map[netip.Addr]string{}}
	return w.readFrames(ctx, n.Bridge, capture, ready, func(frame []byte) (timeline.Event, bool) {
		p, ok := parseARP(frame)
		if !ok {
			return timeline.Event{}, false
		}
		return table.event(p), true
	})
}

// readFrames reads frames of a packet socket until ctx ends, and adds the events.
func (w *Watch) readFrames(ctx context.Context, bridge string, capture *os.File, ready func(), read func(frame []byte) (timeline.Event, bool)) error {
	stop := context.AfterFunc(ctx, func() { _ = capture.Close() })
	defer func() {
		stop()
		_ = capture.Close()
	}()
	raw, err := capture.SyscallConn()
	if err != nil {
		return fmt.Errorf("bridge %s: %w", bridge, err)
	}
	ready()
	frame, control := make([]byte, 128), make([]byte, 128)
	for {
		size, at, err := receive(raw, frame, control)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("bridge %s: capture: %w", bridge, err)
		}
		if e, ok := read(frame[:size]); ok {
			// The delay until this process got the CPU: the error, at this moment, of other lanes without a kernel
			// timestamp.
			if late := time.Duration(e.At - at); late > time.Millisecond {
				e.Fields["late"] = late.Round(100 * time.Microsecond).String()
			}
			e.At, e.Wall = at, timeline.WallAt(at)
			w.add(e)
		}
	}
}

// openARP opens a packet socket for every ARP frame on the interface.
func openARP(name string) (*os.File, error) { return openFrames(name, unix.ETH_P_ARP, nil) }

// openFrames opens a packet socket (packet(7)) for every frame of an EtherType on the interface. A filter may pass fewer.
func openFrames(name string, etherType uint16, filter []unix.SockFilter) (*os.File, error) {
	bridge, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("bridge %s: %w; the engine may run on another machine", name, err)
	}
	proto := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, etherType))
	// Without a protocol at first, so no frame of other interfaces arrives before the bind.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("bridge %s: packet socket: %w; capturing needs root (CAP_NET_RAW)", name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("bridge %s: packet socket: %w", name, err)
	}
	file := os.NewFile(uintptr(fd), "frames on "+name)
	if len(filter) > 0 {
		err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	}
	err = errors.Join(
		err,
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		// A bridge passes frames between two of its ports up only in promiscuous mode.
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{Ifindex: int32(bridge.Index), Type: unix.PACKET_MR_PROMISC}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: bridge.Index}),
	)
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("bridge %s: packet socket: %w", name, err)
	}
	return file, nil
}

// rawReader is the read part of syscall.RawConn.
type rawReader interface {
	Read(func(fd uintptr) bool) error
}

// receive reads a frame and the kernel's time of receipt, as timeline.Event.At.
func receive(raw rawReader, frame, control []byte) (size int, at int64, err error) {
	readErr := raw.Read(func(fd uintptr) bool {
		var n int
		size, n, _, _, err = unix.Recvmsg(int(fd), frame, control, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			return false
		}
		at = timeline.Now()
		if stamp, ok := kernelStamp(control[:max(n, 0)]); ok {
			at = timeline.AtWall(stamp)
		}
		return true
	})
	return size, at, errors.Join(err, readErr)
}

// kernelStamp finds the time of receipt in a message's control part (socket(7), SO_TIMESTAMPNS).
func kernelStamp(control []byte) (time.Time, bool) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Time{}, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:]))), true
		}
	}
	return time.Time{}, false
}

// arpPacket is an ARP packet for IPv4 over Ethernet.
type arpPacket struct {
	reply                bool
	senderMAC, targetMAC string
	sender, target       netip.Addr
}

// parseARP reads a frame (RFC 826). ok is false for any other frame, and for another kind of network.
//
//	 0      6      12   14    16    18  19  20    22         28        32         38        42
//	| to   | from | 0806 | hw=1 | 0800 | 6 | 4 | oper | sender MAC | sender IP | target MAC | target IP |
func parseARP(b []byte) (p arpPacket, ok bool) {
	const header = "\x08\x06\x00\x01\x08\x00\x06\x04"
	if len(b) < 42 || string(b[12:20]) != header {
		return p, false
	}
	oper := binary.BigEndian.Uint16(b[20:22])
	if oper != 1 && oper != 2 {
		return p, false
	}
	return arpPacket{
		reply:     oper == 2,
		senderMAC: net.HardwareAddr(b[22:28]).String(), sender: netip.AddrFrom4([4]byte(b[28:32])),
		targetMAC: net.HardwareAddr(b[32:38]).String(), target: netip.AddrFrom4([4]byte(b[38:42])),
	}, true
}

// arpTable has the last claim to each address of a network.
type arpTable struct {
	network string
	who     func(netip.Addr) string
	whoMAC  func(string) string
	at      map[netip.Addr]string
}

// event returns the event of a packet. If another sender claimed the address before, the address has moved.
func (t *arpTable) event(p arpPacket) timeline.Event {
	fields := map[string]string{"network": t.network, "sender": p.sender.String(), "senderMAC": p.senderMAC, "target": p.target.String()}
	kind, text := "request", fmt.Sprintf("%s asks for %s", t.who(p.sender), t.who(p.target))
	switch {
	case p.sender == p.target: // RFC 5227 calls this an announcement, request or reply
		kind, text = "gratuitous", fmt.Sprintf("%s announces itself at %s", t.who(p.sender), t.whoMAC(p.senderMAC))
	case p.reply:
		kind, text = "reply", fmt.Sprintf("%s is at %s, to %s", t.who(p.sender), t.whoMAC(p.senderMAC), t.who(p.target))
		fields["targetMAC"] = p.targetMAC
	case p.sender.IsUnspecified():
		kind, text = "probe", fmt.Sprintf("%s asks whether anybody has %s", t.whoMAC(p.senderMAC), t.who(p.target))
	}
	if !p.sender.IsUnspecified() {
		if before := t.at[p.sender]; before != "" && before != p.senderMAC {
			fields["moved"], fields["from"] = "true", before
			text += ", moved from " + t.whoMAC(before)
		}
		t.at[p.sender] = p.senderMAC
	}
	return timeline.New(timeline.LaneARP, t.network, kind, text, fields)
}
