package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"skidpad.dev/skidpad/lab/node"
)

// filter is a fault that drops packets, by a table of its own in each namespace that it needs one in.
//
// It drops on devices (nftables' family netdev), since that sees ARP and what is forwarded, too. What a node receives
// is special: Cilium's programs take packets off the device before nftables sees them, so those are dropped where
// the neighbours send them as well.
//
//	r1 ──egress── bridge ──[tc: Cilium]──ingress── worker
//	      │                                  │
//	sees all that r1 sends           sees what Cilium leaves to the kernel
type filter struct {
	nothingToSave
	in *Injector
	at place
	f  Fault
}

// tablePrefix begins the names of our tables.
const tablePrefix = "skidpad_"

func (f *filter) table() string { return tablePrefix + f.f.ID }

// hold is its own: filters do not touch one another.
func (f *filter) hold() string { return "filter/" + f.f.ID }

// layer is the drops that go into one place's namespace.
type layer struct {
	at    place
	drops []drop
}

func (f *filter) apply(ctx context.Context, _ json.RawMessage) error {
	layers, err := f.layers(ctx)
	if err != nil {
		return err
	}
	for _, l := range layers {
		err := f.in.inside(ctx, l.at, func(ns *netns) error { return ns.install(f.table(), l.drops) })
		var lacking *lackError
		if errors.As(err, &lacking) {
			a, _ := about(f.f.Kind)
			return &Skipped{f.f, a.Requires, lacking.err}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", l.at.name, err)
		}
	}
	return nil
}

// undo takes the table away wherever it is: the lab may have changed since.
func (f *filter) undo(ctx context.Context, _ json.RawMessage) error {
	var errs []error
	done := map[string]bool{}
	for _, at := range places(f.in.plan) {
		if done[at.home] {
			continue
		}
		done[at.home] = true
		err := f.in.inside(ctx, at, func(ns *netns) error { return ns.uninstall(f.table()) })
		if err = ignoreGone(err); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at.name, err))
		}
	}
	return errors.Join(errs...)
}

// layers says what is dropped where.
func (f *filter) layers(ctx context.Context) ([]layer, error) {
	switch {
	case f.f.Kind == KindCutAPI:
		return f.cutAPI(ctx)
	case f.f.Peer != "":
		return f.between(ctx)
	case f.f.Kind == KindLoss:
		return f.lossy(ctx)
	}
	// A protocol is spoken by the place itself: what is for it reaches its kernel.
	l := layer{at: f.at}
	for _, n := range f.at.on(f.f.Network) {
		for _, m := range matches(f.f.Proto) {
			l.drops = append(l.drops, f.both(drop{device: f.at.device(n), match: m})...)
		}
	}
	return []layer{l}, nil
}

// both is a drop on its way out, in or both, as the fault says.
func (f *filter) both(d drop) []drop {
	var list []drop
	if f.f.Direction != DirectionIn {
		d.egress = true
		list = append(list, d)
	}
	if f.f.Direction != DirectionOut {
		d.egress = false
		list = append(list, d)
	}
	return list
}

// between parts two places: each frame from one to the other is dropped when it leaves and, for broadcast and
// multicast, which have no one's address, when it arrives.
func (f *filter) between(ctx context.Context) ([]layer, error) {
	peer, _ := find(f.in.plan, f.f.Peer)
	a, b := layer{at: f.at}, layer{at: peer}
	for _, n := range f.at.shared(peer, f.f.Network) {
		macA, err := f.mac(ctx, f.at, n)
		if err != nil {
			return nil, err
		}
		macB, err := f.mac(ctx, peer, n)
		if err != nil {
			return nil, err
		}
		for _, m := range matches(f.f.Proto) {
			if f.f.Direction != DirectionIn {
				a.drops = append(a.drops, drop{device: f.at.device(n), egress: true, to: macB, match: m})
				b.drops = append(b.drops, drop{device: peer.device(n), from: macA, match: m})
			}
			if f.f.Direction != DirectionOut {
				b.drops = append(b.drops, drop{device: peer.device(n), egress: true, to: macA, match: m})
				a.drops = append(a.drops, drop{device: f.at.device(n), from: macB, match: m})
			}
		}
	}
	return []layer{a, b}, nil
}

// lossy loses packets of all kinds. What a cluster node receives is lost where its neighbours send it.
func (f *filter) lossy(ctx context.Context) ([]layer, error) {
	own := layer{at: f.at}
	var layers []layer
	for _, n := range f.at.on(f.f.Network) {
		for _, d := range f.both(drop{device: f.at.device(n), percent: f.f.Percent}) {
			if d.egress || f.at.kind != node.KindCluster {
				own.drops = append(own.drops, d)
				continue
			}
			mac, err := f.mac(ctx, f.at, n)
			if err != nil {
				return nil, err
			}
			for _, x := range f.neighbours(ctx, n) {
				layers = append(layers, layer{x, []drop{{device: x.device(n), egress: true, to: mac, percent: f.f.Percent}}})
			}
		}
	}
	return append(layers, own), nil
}

// neighbours are the places with a namespace of their own on a network, that run.
func (f *filter) neighbours(ctx context.Context, network string) []place {
	var list []place
	for _, x := range places(f.in.plan) {
		if x.home != x.container || x.home == f.at.home || !slices.Contains(x.networks, network) {
			continue
		}
		if f.in.inside(ctx, x, func(*netns) error { return nil }) == nil {
			list = append(list, x)
		}
	}
	return list
}

// cutAPI parts a node, and its pods, from the API servers. On a control plane that is its own loopback device, too.
func (f *filter) cutAPI(ctx context.Context) ([]layer, error) {
	l := layer{at: f.at}
	for _, n := range f.in.plan.Cluster.Nodes {
		if !n.ControlPlane {
			continue
		}
		have, err := f.in.inspect(ctx, n.Name)
		if err != nil {
			return nil, err
		}
		devices := []string{f.at.device("")}
		if n.Name == f.at.container {
			devices = append(devices, "lo")
		}
		for _, ep := range endpointsOf(have) {
			for _, a := range ep.addresses() {
				l.drops = append(l.drops, cut(devices, netip.AddrPortFrom(a, apiPort))...)
			}
		}
	}
	if e := f.in.plan.Cluster.APIEndpoint; e != nil {
		l.drops = append(l.drops, cut([]string{f.at.device(""), "lo"}, netip.AddrPortFrom(e.Address, uint16(e.Port)))...)
	}
	if len(l.drops) == 0 {
		return nil, errors.New("no control plane has an address; is one running? see `skidpad status`")
	}
	return []layer{l}, nil
}

// cut drops what goes to a server and what comes from it.
func cut(devices []string, server netip.AddrPort) []drop {
	ether := uint16(etherIPv4)
	if server.Addr().Is6() {
		ether = etherIPv6
	}
	var drops []drop
	for _, dev := range devices {
		drops = append(drops,
			drop{device: dev, egress: true, match: match{ether: ether, l4: protoTCP, dport: server.Port(), daddr: server.Addr()}},
			drop{device: dev, match: match{ether: ether, l4: protoTCP, sport: server.Port(), saddr: server.Addr()}})
	}
	return drops
}

func (f *filter) mac(ctx context.Context, at place, network string) (mac net.HardwareAddr, err error) {
	err = f.in.inside(ctx, at, func(ns *netns) error {
		mac, err = ns.mac(at.device(network))
		return err
	})
	return mac, err
}

// Numbers of protocols: IEEE 802 EtherTypes, IANA protocol numbers and ports.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
	protoTCP  = 6
	protoUDP  = 17
	protoVRRP = 112
	apiPort   = 6443 // of kind's API servers
)

// match is which packets are meant; zero values match all.
type match struct {
	ether        uint16
	l4           uint8
	sport, dport uint16
	saddr, daddr netip.Addr // of the family that ether says
}

// matches are a protocol's packets; the empty protocol is all packets.
func matches(proto string) []match {
	switch proto {
	case ProtoBGP:
		return []match{{l4: protoTCP, dport: 179}, {l4: protoTCP, sport: 179}}
	case ProtoBFD:
		return []match{{l4: protoUDP, dport: 3784}, {l4: protoUDP, dport: 3785}, {l4: protoUDP, dport: 4784}}
	case ProtoVRRP:
		return []match{{l4: protoVRRP}}
	case ProtoARP:
		return []match{{ether: etherARP}}
	}
	return []match{{}}
}

// drop is one rule: which packets are dropped on a device.
type drop struct {
	device   string
	egress   bool
	from, to net.HardwareAddr
	match    match
	percent  float64 // of those that match; 0 is all
}
