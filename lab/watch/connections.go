package watch

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

const (
	// connectionsEvery is how often a router's connections are looked at, so how late an end that only they tell is seen.
	connectionsEvery = 50 * time.Millisecond
	portBGP          = 179
	tcpEstablished   = 1 // include/net/tcp_states.h
)

// connection is a TCP connection as one end has it.
type connection struct{ local, remote netip.AddrPort }

// connections are a router's, to peers that dial in.
type connections struct {
	pid    int
	handle *netlink.Handle // asks in the router's namespace
	known  map[netip.Addr]connection
}

// watchConnections tells of sessions that ended without the speaker telling, by their connections in the kernel. It is
// the one thing here that is polled: a socket whose peer cannot be reached stays for minutes after bgpd closed it, so
// the kernel's own event, its destruction, would come far too late. Looking up one known connection costs microseconds.
func (w *Watch) watchConnections(ctx context.Context, p place, pid int, s *speaker) {
	c := &connections{pid: pid, known: map[netip.Addr]connection{}}
	if err := c.open(); err != nil {
		w.add(timeline.New(timeline.LaneAgent, "connections "+p.name, "source-missing",
			"the ends of sessions that peers dial in for are not seen: "+err.Error(), map[string]string{"error": err.Error()}))
		return
	}
	stop := context.AfterFunc(ctx, c.handle.Close)
	defer func() {
		if stop() {
			c.handle.Close()
		}
	}()
	tick := time.NewTicker(connectionsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, a := range s.up() {
			if dialsIn(p.router.BGP, a) && !c.established(a) && ctx.Err() == nil {
				w.add(s.closed(a, connectionsEvery)...)
			}
		}
	}
}

func (c *connections) open() error {
	ns, err := openNamespace(c.pid)
	if err != nil {
		return err
	}
	defer func() { _ = ns.Close() }()
	if c.handle, err = netlink.NewHandleAt(ns, unix.NETLINK_INET_DIAG); err != nil {
		return fmt.Errorf("sock_diag: %w", err)
	}
	return nil
}

// established reports whether there is an established connection to the peer. The whole table, which costs milliseconds
// since the kernel goes through all of its hash table, is read only when the one known is not.
func (c *connections) established(a netip.Addr) bool {
	if known, ok := c.known[a]; ok {
		s, err := c.handle.SocketGet(net.TCPAddrFromAddrPort(known.local), net.TCPAddrFromAddrPort(known.remote))
		if err == nil && s != nil && s.State == tcpEstablished {
			return true
		}
	}
	known, err := c.read("tcp")
	if err != nil {
		return true // the container is on its way out, which is told elsewhere
	}
	if known6, err := c.read("tcp6"); err == nil { // not there where the kernel has no IPv6
		maps.Copy(known, known6)
	}
	c.known = known
	_, ok := c.known[a]
	return ok
}

// read reads a table of connections: tcp or tcp6.
func (c *connections) read(table string) (map[netip.Addr]connection, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/net/%s", c.pid, table))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return parseTCP(f)
}

// dialsIn reports whether a peer is one of a listen range, and not one that is configured by its address.
func dialsIn(bgp *plan.Speaker, a netip.Addr) bool {
	return !slices.ContainsFunc(bgp.Neighbors, func(n plan.Neighbor) bool { return n.Address == a }) &&
		slices.ContainsFunc(bgp.Ranges, func(r plan.Range) bool { return r.Prefix.Contains(a) })
}

// parseTCP reads the established BGP connections, by peer, from /proc/net/tcp or tcp6 (proc_pid_net(5)): addresses are
// hexadecimal, each four bytes in the machine's order.
func parseTCP(r io.Reader) (map[netip.Addr]connection, error) {
	peers := map[netip.Addr]connection{}
	lines := bufio.NewScanner(r)
	lines.Scan() // the header
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != fmt.Sprintf("%02X", tcpEstablished) {
			continue
		}
		local, ok1 := parseEnd(fields[1])
		remote, ok2 := parseEnd(fields[2])
		if ok1 && ok2 && (local.Port() == portBGP || remote.Port() == portBGP) {
			peers[remote.Addr()] = connection{local, remote}
		}
	}
	return peers, lines.Err()
}

func parseEnd(s string) (netip.AddrPort, bool) {
	address, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(address)
	n, portErr := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || portErr != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	a, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a, uint16(n)), ok
}
