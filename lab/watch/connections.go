//go:build linux

package watch

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

const (
	// connectionsEvery is the polling interval for a router's connections, and also the largest delay of a session end
	// without a message.
	connectionsEvery = 50 * time.Millisecond
	portBGP          = 179
	tcpEstablished   = 1 // include/net/tcp_states.h
)

// connection is a TCP connection, seen from one end.
type connection struct{ local, remote netip.AddrPort }

// connections are a router's connections to peers that dial in.
type connections struct {
	pid   int
	diag  *nl.SocketHandle // for requests in the router's namespace
	known map[netip.Addr]connection
}

// watchConnections reports sessions that ended without a message of the speaker, by their connections in the kernel.
// This is the only polled source: after bgpd has closed the socket of an unreachable peer, the socket stays for
// minutes, so the kernel's own event, the destruction, would come far too late. Reading the state of one known
// connection costs microseconds.
func (w *Watch) watchConnections(ctx context.Context, p place, pid int, s *speaker) {
	c := &connections{pid: pid, known: map[netip.Addr]connection{}}
	if err := c.open(); err != nil {
		w.add(timeline.New(timeline.LaneAgent, "connections "+p.name, "source-missing",
			"the ends of sessions that peers dial in for are not seen: "+err.Error(), map[string]string{"error": err.Error()}))
		return
	}
	stop := context.AfterFunc(ctx, c.diag.Close)
	defer func() {
		if stop() {
			c.diag.Close()
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
	socket, err := nl.GetNetlinkSocketAt(ns, netns.None(), unix.NETLINK_INET_DIAG)
	if err != nil {
		return fmt.Errorf("sock_diag: %w", err)
	}
	c.diag = &nl.SocketHandle{Socket: socket}
	return nil
}

// established reports whether there is an established connection to the peer. established reads the whole table only if
// the known connection is gone. The read costs milliseconds, because the kernel walks through the whole hash table.
func (c *connections) established(a netip.Addr) bool {
	if known, ok := c.known[a]; ok && c.state(known) == tcpEstablished {
		return true
	}
	known, err := c.read("tcp")
	if err != nil {
		return true // the container is about to end; another source reports the end
	}
	if known6, err := c.read("tcp6"); err == nil { // absent if the kernel has no IPv6
		maps.Copy(known, known6)
	}
	c.known = known
	_, ok := c.known[a]
	return ok
}

// state returns a connection's state in the kernel, or 0 without a connection. The kernel finds the connection by the
// hash of the addresses. netlink.SocketGet requests a dump instead: a dump walks through the whole table, and may return
// another connection with the same ports.
func (c *connections) state(of connection) uint8 {
	req := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, 0)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_INET_DIAG: c.diag}
	req.AddRawData(diagRequest(of))
	answers, err := req.Execute(unix.NETLINK_INET_DIAG, 0)
	if err != nil || len(answers) != 1 || len(answers[0]) < 2 {
		return 0
	}
	return answers[0][1] // struct inet_diag_msg: family, state, ...
}

// diagRequest is a struct inet_diag_req_v2 (sock_diag(7)) for one connection in any state, with any cookie.
func diagRequest(of connection) []byte {
	family := byte(unix.AF_INET6)
	if of.local.Addr().Is4() {
		family = unix.AF_INET
	}
	b := make([]byte, 56)
	b[0], b[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], math.MaxUint32) // states
	binary.BigEndian.PutUint16(b[8:], of.local.Port())
	binary.BigEndian.PutUint16(b[10:], of.remote.Port())
	copy(b[12:28], of.local.Addr().AsSlice())
	copy(b[28:44], of.remote.Addr().AsSlice())
	binary.NativeEndian.PutUint64(b[48:], math.MaxUint64) // INET_DIAG_NOCOOKIE twice; before it, any interface
	return b
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

// dialsIn reports whether a peer belongs to a listen range, without a configured address.
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
