//go:build linux

package watch

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/timeline"
)

// receiveBuffer holds the kernel's messages while this process has no CPU: some thousands of routes.
const receiveBuffer = 4 << 20

// subscription receives a network namespace's changes of routes, addresses, links and neighbours (rtnetlink(7)).
type subscription struct {
	routes     chan netlink.RouteUpdate
	addresses  chan netlink.AddrUpdate
	links      chan netlink.LinkUpdate
	neighbours chan netlink.NeighUpdate
	broken     chan error
	handle     *netlink.Handle // for requests in the same namespace
	done       chan struct{}
}

// subscribe opens all sockets in the namespace. On failure no socket stays open. From then on no change is missed:
// changes during the later read of the present state arrive, too.
func subscribe(ns netns.NsHandle) (_ *subscription, err error) {
	s := &subscription{
		routes: make(chan netlink.RouteUpdate, 1024), addresses: make(chan netlink.AddrUpdate, 256),
		links: make(chan netlink.LinkUpdate, 256), neighbours: make(chan netlink.NeighUpdate, 1024),
		broken: make(chan error, 1), done: make(chan struct{}),
	}
	broken := func(err error) {
		select {
		case s.broken <- err:
		default: // one message is enough
		}
	}
	if s.handle, err = netlink.NewHandleAt(ns, unix.NETLINK_ROUTE); err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("netlink: subscribing: %w", err)
			s.close()
		}
	}()
	if err = netlink.LinkSubscribeWithOptions(s.links, s.done, netlink.LinkSubscribeOptions{
		Namespace: &ns, ErrorCallback: broken, ReceiveBufferSize: receiveBuffer}); err != nil {
		return nil, err
	}
	if err = netlink.AddrSubscribeWithOptions(s.addresses, s.done, netlink.AddrSubscribeOptions{
		Namespace: &ns, ErrorCallback: broken, ReceiveBufferSize: receiveBuffer}); err != nil {
		return nil, err
	}
	if err = netlink.NeighSubscribeWithOptions(s.neighbours, s.done, netlink.NeighSubscribeOptions{
		Namespace: &ns, ErrorCallback: broken, ReceiveBufferSize: receiveBuffer}); err != nil {
		return nil, err
	}
	err = netlink.RouteSubscribeWithOptions(s.routes, s.done, netlink.RouteSubscribeOptions{
		Namespace: &ns, ErrorCallback: broken, ReceiveBufferSize: receiveBuffer})
	return s, err
}

// close releases the namespace.
func (s *subscription) close() {
	close(s.done)
	s.handle.Close()
}

// kernel watches one namespace: its FIB, its links, its neighbours and the gateways' addresses.
type kernel struct {
	w       *Watch
	place   place
	sub     *subscription
	fib     fib
	links   map[int]link
	guarded map[netip.Addr]bool // the gateways' addresses in this namespace
	neigh   map[netip.Addr]string
}

// watchKernel runs until ctx ends or the subscription breaks. again means that the container was watched before. With
// again, every difference is an event.
func (w *Watch) watchKernel(ctx context.Context, p place, pid int, again bool, ready func()) error {
	ns, err := openNamespace(pid)
	if err != nil {
		return err
	}
	sub, err := subscribe(ns)
	_ = ns.Close()
	if err != nil {
		return err
	}
	// Not deferred: ctx ends with a container's death, and the namespace must be released at once.
	stop := context.AfterFunc(ctx, sub.close)
	defer func() {
		if stop() {
			sub.close()
		}
	}()
	k := &kernel{w: w, place: p, sub: sub, links: map[int]link{}, guarded: map[netip.Addr]bool{}, neigh: map[netip.Addr]string{}}
	k.fib = fib{subject: p.name, lane: timeline.LaneFIB, name: w.names.addr, dev: k.dev}
	if err := k.present(again); err != nil {
		return err
	}
	ready()
	err = k.run(ctx)
	if ctx.Err() != nil {
		k.gone()
		return ctx.Err()
	}
	return err
}

func (k *kernel) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-k.sub.broken:
			return fmt.Errorf("netlink: %w; events were lost", err)
		case u, ok := <-k.sub.routes:
			if ok {
				k.w.add(k.fib.update(u)...)
			}
		case u, ok := <-k.sub.addresses:
			if ok {
				k.address(u)
			}
		case u, ok := <-k.sub.links:
			if ok {
				k.link(u)
			}
		case u, ok := <-k.sub.neighbours:
			if ok {
				k.neighbour(u)
			}
		}
	}
}

// present reads the present state.
func (k *kernel) present(again bool) error {
	links, err := k.sub.handle.LinkList()
	if err != nil {
		return fmt.Errorf("netlink: listing links: %w", err)
	}
	for _, l := range links {
		a := l.Attrs()
		k.links[a.Index] = link{a.Name, up(a)}
	}
	events, err := k.relist()
	if err != nil {
		return err
	}
	if again {
		k.w.add(marked(events, "seen", "attach")...)
	}
	addresses, err := k.sub.handle.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("netlink: listing addresses: %w", err)
	}
	for _, a := range addresses {
		if addr, ok := netip.AddrFromSlice(a.IP); ok && a.IPNet != nil {
			k.guard(addr.Unmap(), true, again)
		}
	}
	neighbours, err := k.sub.handle.NeighList(0, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("netlink: listing neighbours: %w", err)
	}
	for _, n := range neighbours {
		if a, ok := netip.AddrFromSlice(n.IP); ok && n.HardwareAddr != nil {
			k.neigh[a.Unmap()] = n.HardwareAddr.String()
		}
	}
	return nil
}

// relist compares the FIB with the kernel's present routes. The kernel sends no message for IPv4 routes removed together
// with a link or a source address (fib_sync_down_dev, fib_sync_down_addr), so relist runs after such removals.
func (k *kernel) relist() ([]timeline.Event, error) {
	routes, err := k.sub.handle.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("netlink: listing routes: %w", err)
	}
	return k.fib.replace(routes), nil
}

// after reports the routes lost together with a link or address.
func (k *kernel) after(what string) {
	events, err := k.relist()
	if err != nil {
		return // the namespace is about to end, or run sees the subscription break
	}
	k.w.add(marked(events, "because", what)...)
}

// gone reports the losses of the container's end. The whole FIB is a single event, because single routes are of no
// interest here.
func (k *kernel) gone() {
	if k.w.stopping() {
		return
	}
	if n := len(k.fib.routes); n > 0 {
		k.w.add(timeline.New(timeline.LaneFIB, k.place.name, "fib-gone", counted(n, "route")+" went with its container", map[string]string{"routes": fmt.Sprint(n)}))
	}
	for a := range k.guarded {
		k.w.add(k.guardEvent(a, "address-removed", "went with its container", "because", "container-gone"))
	}
}

// link is a network interface.
type link struct {
	name string
	up   bool
}

// up reports whether packets pass: the administrator's state is up and the other end is present (RFC 2863).
func up(a *netlink.LinkAttrs) bool {
	return a.RawFlags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_RUNNING != 0
}

func (k *kernel) dev(index int) string {
	if l, ok := k.links[index]; ok {
		return l.name
	}
	return fmt.Sprintf("interface %d", index)
}

// link reports a link that goes down or up, except links of pods.
func (k *kernel) link(u netlink.LinkUpdate) {
	a := u.Attrs()
	before, known := k.links[a.Index]
	now := link{a.Name, up(a) && u.Header.Type != unix.RTM_DELLINK}
	if u.Header.Type == unix.RTM_DELLINK {
		delete(k.links, a.Index)
	} else {
		k.links[a.Index] = now
	}
	if (known && before.up == now.up && u.Header.Type != unix.RTM_DELLINK) || k.podLink(a.Name) {
		return
	}
	kind, text := "link-up", "interface "+a.Name+" is up"
	switch {
	case u.Header.Type == unix.RTM_DELLINK:
		kind, text = "link-gone", "interface "+a.Name+" is gone"
	case !now.up && a.RawFlags&unix.IFF_UP == 0:
		kind, text = "link-down", "interface "+a.Name+" was shut"
	case !now.up:
		kind, text = "link-down", "interface "+a.Name+" has lost its carrier"
	}
	k.w.add(timeline.New(timeline.LaneNode, k.place.name, kind, text, map[string]string{"interface": a.Name, "up": fmt.Sprint(now.up)}))
	if !now.up {
		k.after(kind + " " + a.Name)
	}
}

// podLink reports whether a link belongs to a pod: on a cluster node, all links but the engine's.
func (k *kernel) podLink(name string) bool {
	return name == "lo" || k.place.kind == node.KindCluster && !strings.HasPrefix(name, "eth")
}

// address reports that a gateway's address came or went.
func (k *kernel) address(u netlink.AddrUpdate) {
	a, ok := netip.AddrFromSlice(u.LinkAddress.IP)
	if !ok {
		return
	}
	k.guard(a.Unmap(), u.NewAddr, true)
	if !u.NewAddr {
		k.after("address " + a.Unmap().String() + " removed")
	}
}

func (k *kernel) guard(a netip.Addr, here, news bool) {
	if _, _, ok := k.w.gatewayOf(a); !ok || k.guarded[a] == here {
		return
	}
	if here {
		k.guarded[a] = true
	} else {
		delete(k.guarded, a)
	}
	switch {
	case !news:
		k.w.add(k.guardEvent(a, "holds", "is there from the start"))
	case here:
		k.w.add(k.guardEvent(a, "address-added", "arrived"))
	default:
		k.w.add(k.guardEvent(a, "address-removed", "left"))
	}
}

func (k *kernel) guardEvent(a netip.Addr, kind, text string, fields ...string) timeline.Event {
	gateway, network, _ := k.w.gatewayOf(a)
	return timeline.New(timeline.LaneVRRP, k.place.name, kind, fmt.Sprintf("%s, address of %s on %s, %s", a, gateway, network, text),
		with(map[string]string{"address": a.String(), "gateway": gateway, "network": network}, fields...))
}

// neighbour reports an address that has a new hardware address or gives no answer.
func (k *kernel) neighbour(u netlink.NeighUpdate) {
	a, ok := netip.AddrFromSlice(u.IP)
	if !ok || u.Family != netlink.FAMILY_V4 || k.podLink(k.dev(u.LinkIndex)) {
		return
	}
	a = a.Unmap()
	before, known := k.neigh[a]
	now := u.HardwareAddr.String()
	fields := map[string]string{"address": a.String(), "interface": k.dev(u.LinkIndex)}
	switch {
	case u.Type == unix.RTM_DELNEIGH:
		delete(k.neigh, a)
	case u.State&netlink.NUD_FAILED != 0:
		delete(k.neigh, a)
		if known {
			k.w.add(timeline.New(timeline.LaneARP, k.place.name, "neighbour-failed",
				fmt.Sprintf("%s does not answer ARP on %s", k.w.who(a), k.dev(u.LinkIndex)), with(fields, "from", before)))
		}
	case now != "":
		k.neigh[a] = now
		if known && before != now {
			k.w.add(timeline.New(timeline.LaneARP, k.place.name, "neighbour-moved",
				fmt.Sprintf("%s is at %s now, was at %s", k.w.who(a), k.w.whoMAC(now), k.w.whoMAC(before)), with(fields, "from", before, "to", now)))
		}
	}
}

// marked returns the events with a further field.
func marked(events []timeline.Event, name, value string) []timeline.Event {
	for i := range events {
		events[i].Fields = with(events[i].Fields, name, value)
	}
	return events
}
