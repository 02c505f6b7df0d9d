package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// bgpSessions are a router's BGP sessions: all sessions, or the sessions with a peer.
type bgpSessions struct {
	nothingToSave
	spot
	peer string
}

func (s *bgpSessions) hold() string { return "bgp/" + s.at.container + "/" + s.peer }

// reset acts on sessions once. There is no undo.
type reset struct {
	bgpSessions
	do func(router.Router, context.Context, bgp.Peers) error
}

func (r *reset) apply(ctx context.Context, _ json.RawMessage) error {
	speaker, of, err := r.speaker(ctx)
	if err != nil {
		return err
	}
	return r.do(speaker, ctx, of)
}

func (r *reset) undo(context.Context, json.RawMessage) error { return nil }

// speaker returns the router and the selected peers: all, a range, or a single peer. The router must run.
func (s *bgpSessions) speaker(ctx context.Context) (router.Router, bgp.Peers, error) {
	in, at := s.in, s.at
	have, err := in.inspect(ctx, at.container)
	if err != nil {
		return nil, bgp.Peers{}, err
	}
	if !have.State.Running {
		return nil, bgp.Peers{}, fmt.Errorf("container %s is %s: %w", at.container, have.State.Status, errGone)
	}
	planned := routerOf(in.plan, at.name)
	of, err := in.peersOf(ctx, planned, at, s.peer)
	if err != nil {
		return nil, of, err
	}
	r, err := router.New(in.engine, in.plan, planned, "")
	return r, of, err
}

// peersOf returns the peers of a name: all, "nodes", a range, an address, or a router or node by each address.
func (in *Injector) peersOf(ctx context.Context, r plan.Router, at place, peer string) (bgp.Peers, error) {
	var of bgp.Peers
	if a, err := netip.ParseAddr(peer); err == nil || peer == "" {
		if peer != "" {
			of.Addresses = append(of.Addresses, a)
		}
		return of, nil
	}
	for _, g := range r.BGP.Ranges { // every range is for nodes
		if peer == scenario.AllNodes || peer == g.Name {
			of.Ranges = append(of.Ranges, g.Name)
		}
	}
	for _, n := range r.BGP.Neighbors {
		if n.Name == peer {
			of.Addresses = append(of.Addresses, n.Address)
		}
	}
	if !of.All() {
		return of, nil
	}
	var err error
	if of.Addresses, err = in.addressesOn(ctx, at.on(""), peer); err == nil && of.All() {
		err = fmt.Errorf("peer %s: no address of it is on a network of %s (%v)", peer, at.name, at.on(""))
	}
	return of, err
}

// addressesOn returns a node's addresses of both families on the networks.
func (in *Injector) addressesOn(ctx context.Context, networks []string, peer string) ([]netip.Addr, error) {
	x, _ := find(in.plan, peer)
	have, err := in.inspect(ctx, x.home)
	if err != nil || have.NetworkSettings == nil {
		return nil, err
	}
	var all []netip.Addr
	for _, n := range in.plan.Networks {
		if v4, v6, ok := in.linked(peer, n.Name); ok && slices.Contains(networks, n.Name) {
			all = append(all, v4, v6)
		}
		if ep := have.NetworkSettings.Networks[n.Docker]; ep != nil && slices.Contains(networks, n.Name) {
			all = append(all, ep.IPAddress, ep.GlobalIPv6Address)
		}
	}
	return slices.DeleteFunc(all, func(a netip.Addr) bool { return !a.IsValid() }), nil
}
