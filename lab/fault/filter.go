package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"

	"skidpad.dev/skidpad/lab/agent/wire"
	"skidpad.dev/skidpad/lab/node"
)

// netdevOptions are the kernel options for dropping on devices in both directions (egress since Linux 5.16).
const netdevOptions = "NF_TABLES_NETDEV, NETFILTER_INGRESS, NETFILTER_EGRESS"

// filter drops packets with a separate table in each namespace of the layers.
//
// filter drops on devices (nftables' family netdev), because the hooks of a device also see ARP and forwarded packets.
// Incoming packets of a cluster node are special: Cilium's programs take packets off the device before nftables sees the
// packets. The drop is therefore also at the neighbours' sending side.
//
//	r1 ──egress── bridge ──[tc: Cilium]──ingress── worker
//	      │                                  │
//	sees all that r1 sends           sees what Cilium leaves to the kernel
type filter struct {
	nothingToSave
	spot
	layers func(context.Context) ([]layer, error)
}

// filter returns the action that drops the packets of layers.
func (s spot) filter(layers func(context.Context) ([]layer, error)) *filter {
	return &filter{spot: s, layers: layers}
}

// tablePrefix begins the names of our tables.
const tablePrefix = "skidpad_"

func (f *filter) table() string { return tablePrefix + f.id }

// hold is unique to the fault: filters do not touch each other.
func (f *filter) hold() string { return "filter/" + f.id }

// layer is the drops in the namespace of a place.
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
		err := f.in.inside(ctx, l.at, func(ns *netns) error { return wire.Install(ns.ns, f.table(), l.drops) })
		var lacking *wire.LackError
		if errors.As(err, &lacking) {
			return &Skipped{f.of, f.of.About().Requires, lacking.Err}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", l.at.name, err)
		}
	}
	return nil
}

// undo removes the table from every namespace, because the lab may have changed since.
func (f *filter) undo(ctx context.Context, _ json.RawMessage) error {
	var errs []error
	done := map[string]bool{}
	for _, at := range places(f.in.plan) {
		if done[at.home] {
			continue
		}
		done[at.home] = true
		err := f.in.inside(ctx, at, func(ns *netns) error { return wire.Uninstall(ns.ns, f.table()) })
		if err = ignoreGone(err); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at.name, err))
		}
	}
	return errors.Join(errs...)
}

// both returns the drop on the way out, in or both, by the direction.
func both(d drop, direction string) []drop {
	var list []drop
	if direction != "in" {
		d.Egress = true
		list = append(list, d)
	}
	if direction != "out" {
		d.Egress = false
		list = append(list, d)
	}
	return list
}

// between parts two places. A frame to the other place's MAC is dropped on the way out. Broadcast and multicast frames do not
// carry the other place's MAC, and are dropped by the source MAC on the way in.
func (s spot) between(ctx context.Context, network, with, direction string, matches []match) ([]layer, error) {
	peer, _ := find(s.in.plan, with)
	a, b := layer{at: s.at}, layer{at: peer}
	for _, n := range s.at.shared(peer, network) {
		macA, err := s.mac(ctx, s.at, n)
		if err != nil {
			return nil, err
		}
		macB, err := s.mac(ctx, peer, n)
		if err != nil {
			return nil, err
		}
		for _, m := range matches {
			if direction != "in" {
				a.drops = append(a.drops, drop{Device: s.at.device(n), Egress: true, To: macB, Match: m})
				b.drops = append(b.drops, drop{Device: peer.device(n), From: macA, Match: m})
			}
			if direction != "out" {
				b.drops = append(b.drops, drop{Device: peer.device(n), Egress: true, To: macA, Match: m})
				a.drops = append(a.drops, drop{Device: s.at.device(n), From: macB, Match: m})
			}
		}
	}
	return []layer{a, b}, nil
}

// neighbours returns the running places with a separate namespace on a network.
func (s spot) neighbours(ctx context.Context, network string) []place {
	var list []place
	for _, x := range places(s.in.plan) {
		if x.kind == node.KindGateway || x.home == s.at.home || !slices.Contains(x.networks, network) {
			continue
		}
		if s.in.inside(ctx, x, func(*netns) error { return nil }) == nil {
			list = append(list, x)
		}
	}
	return list
}

func (s spot) mac(ctx context.Context, at place, network string) (mac net.HardwareAddr, err error) {
	err = s.in.inside(ctx, at, func(ns *netns) error {
		mac, err = ns.mac(at.device(network))
		return err
	})
	return mac, err
}

// Numbers of protocols: IEEE 802 EtherTypes, IANA protocol numbers and ports.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = wire.EtherIPv6
	protoTCP  = 6
	protoUDP  = 17
	protoVRRP = 112
	apiPort   = 6443 // of kind's API servers
)

// The parts of a filter.
type (
	match = wire.Match
	drop  = wire.Drop
)
