//go:build linux

package capture

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's ring (packet(7), Documentation/networking/packet_mmap.rst): the kernel fills a block, and hands
// over the block when the block is full or retireAfter old. A busy link therefore wakes this process 20 times
// a second, not once per packet.
//
// gopacket's afpacket (1.7.5) is not used: after a link went down, the reader gets an error per call, also when the link is up
// again, because afpacket never reads the socket's error (752,435 errors and 7 packets in one second were measured). Captures
// of a failover need a reader that outlives the link. Both take the same processor time, 20 to 50 ns per packet.
const (
	blockSize   = 256 << 10
	blocks      = 8
	frameSize   = 2048
	retireAfter = 50 * time.Millisecond
)

// socket is a packet socket on one interface with a ring filled by the kernel.
type socket struct {
	fd, index int
	mem       []byte
	wake      [2]int // a pipe; a write to the pipe ends read
}

// openSocket listens on the interface with this index in this thread's network namespace. The interface is
// promiscuous as long as the socket is open: only then does a bridge pass forwarded packets up.
func openSocket(index int, filter Filter) (*socket, error) {
	// No protocol yet: no packet may arrive before the filter and the ring are set.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("%w; run as root, or go without captures", ErrNotPermitted)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a packet socket: %w", err)
	}
	s := &socket{fd: fd, index: index, wake: [2]int{-1, -1}}
	if err := s.setUp(filter); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *socket) setUp(filter Filter) error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("packet socket: version 3 of the ring: %w", err)
	}
	instructions := make([]unix.SockFilter, len(filter))
	for i, in := range filter {
		instructions[i] = unix.SockFilter(in)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &instructions[0]}
	if err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("packet socket: its filter of %d instructions: %w", len(filter), err)
	}
	req := unix.TpacketReq3{Block_size: blockSize, Block_nr: blocks, Frame_size: frameSize, Frame_nr: blockSize / frameSize * blocks,
		Retire_blk_tov: uint32(retireAfter / time.Millisecond)}
	if err := unix.SetsockoptTpacketReq3(s.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("packet socket: a ring of %d bytes: %w", blockSize*blocks, err)
	}
	mem, err := unix.Mmap(s.fd, 0, blockSize*blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("packet socket: mapping its ring: %w", err)
	}
	s.mem = mem
	if err := unix.Pipe2(s.wake[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	if err := unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: swap(unix.ETH_P_ALL), Ifindex: s.index}); err != nil {
		return fmt.Errorf("packet socket: binding it to interface %d: %w", s.index, err)
	}
	mreq := unix.PacketMreq{Ifindex: int32(s.index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(s.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &mreq); err != nil {
		return fmt.Errorf("packet socket: promiscuous mode of interface %d: %w", s.index, err)
	}
	return nil
}

// swap is htons.
func swap(v uint16) uint16 { return v<<8 | v>>8 }

// stop makes read return after the packets received until now.
func (s *socket) stop() { _, _ = unix.Write(s.wake[1], []byte{0}) }

// release closes the socket and the ring; no goroutine may be in read.
func (s *socket) release() {
	if s.mem != nil {
		_ = unix.Munmap(s.mem)
	}
	for _, fd := range []int{s.fd, s.wake[0], s.wake[1]} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// stats returns the kernel's counts and sets them to zero.
func (s *socket) stats() counts {
	st, err := unix.GetsockoptTpacketStatsV3(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return counts{}
	}
	return counts{received: uint64(st.Packets), dropped: uint64(st.Drops)}
}

// read passes every packet to take, until stop is called or the interface is gone. take must copy the bytes to
// keep. If an interface is down, read waits for the interface.
func (s *socket) read(take func(packet)) error {
	var until time.Time // after stop: the kernel still holds a block that is not full
	for i := 0; ; {
		if s.block(i, take) {
			i = (i + 1) % blocks
			continue
		}
		if !until.IsZero() && time.Now().After(until) {
			return nil
		}
		stopped, err := s.wait(until)
		if err != nil {
			return err
		}
		if stopped {
			until = time.Now().Add(2 * retireAfter)
		}
	}
}

// wait returns when a block may be ready, or stop was called.
func (s *socket) wait(until time.Time) (stopped bool, err error) {
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN | unix.POLLERR}, {Fd: int32(s.wake[0]), Events: unix.POLLIN}}
	timeout := -1
	if !until.IsZero() {
		fds, timeout = fds[:1], int(retireAfter/time.Millisecond)/5
	}
	if _, err := unix.Poll(fds, timeout); err != nil && !errors.Is(err, unix.EINTR) {
		return false, fmt.Errorf("packet socket: %w", err)
	}
	if fds[0].Revents&unix.POLLERR != 0 {
		// Reading the error clears the error. The socket continues when an interface that went down is up again.
		code, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			return false, fmt.Errorf("packet socket: %w", err)
		}
		if _, gone := net.InterfaceByIndex(s.index); gone != nil && code != 0 {
			return false, errGone
		}
	}
	return len(fds) > 1 && fds[1].Revents != 0, nil
}

// errGone ends the reading of a removed interface.
var errGone = errors.New("the interface is gone")

// block passes the packets of a block to take and returns the block to the kernel; false if the kernel still
// owns the block.
func (s *socket) block(i int, take func(packet)) bool {
	b := s.mem[i*blockSize : (i+1)*blockSize]
	desc := (*unix.TpacketHdrV1)(unsafe.Pointer(&b[8])) // after version and offset_to_priv
	if atomic.LoadUint32(&desc.Block_status)&unix.TP_STATUS_USER == 0 {
		return false
	}
	at := desc.Offset_to_first_pkt
	for range desc.Num_pkts {
		h := (*unix.Tpacket3Hdr)(unsafe.Pointer(&b[at]))
		from := at + uint32(h.Mac)
		p := packet{at: int64(h.Sec)*int64(time.Second) + int64(h.Nsec), length: int(h.Len), data: b[from : from+h.Snaplen]}
		if h.Status&unix.TP_STATUS_VLAN_VALID != 0 { // the kernel takes the tag off
			p = tagged(p, h.Hv1.Vlan_tpid, uint16(h.Hv1.Vlan_tci)) //nolint:gosec // the kernel's u16 values
		}
		take(p)
		at += h.Next_offset
	}
	atomic.StoreUint32(&desc.Block_status, unix.TP_STATUS_KERNEL)
	return true
}
