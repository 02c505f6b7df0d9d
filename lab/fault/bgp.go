package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// allNodes, as the peer of a BGP fault, are all cluster nodes that the router accepts.
const allNodes = "nodes"

// badSpeaker returns what keeps a BGP fault from being made on a router.
func (f Fault) badSpeaker(p *plan.Plan, at place) []string {
	r := routerOf(p, at.name)
	of := p.Scenario.Kinds().Software(r.Software)
	switch {
	case at.kind != node.KindRouter:
		return nil // told already
	case r.BGP == nil:
		return []string{fmt.Sprintf("seen %q, want a router that speaks BGP", at.name)}
	case f.Kind == KindBGPShut && of != nil && of.Abilities()&scenario.ShutsNodes == 0 && len(r.BGP.Ranges) > 0 && (f.Peer == allNodes || f.Peer == ""):
		return []string{fmt.Sprintf("seen %q, whose %s takes peers of a range again as soon as they dial; want {drop: %s, proto: bgp}", at.name, r.Software, at.name)}
	case f.Peer == "":
		return nil
	}
	_, notAddress := netip.ParseAddr(f.Peer)
	x, isNode := find(p, f.Peer)
	group := slices.ContainsFunc(r.BGP.Ranges, func(g plan.Range) bool { return g.Name == f.Peer || f.Peer == allNodes })
	switch {
	case group:
		return nil
	case isNode && x.kind == node.KindCluster && f.Kind == KindBGPShut:
		return []string{fmt.Sprintf("peer: seen %q, whose session it opens itself, so %s cannot shut it alone; want \"nodes\", all of them, or {drop: %s, proto: bgp, peer: %s}", f.Peer, at.name, at.name, f.Peer)}
	case !isNode && notAddress != nil:
		return []string{fmt.Sprintf("peer: seen %q, want \"nodes\", an address or one of: %s", f.Peer, nodeNames(p, node.KindRouter, node.KindCluster))}
	}
	return nil
}

// shut shuts sessions down administratively.
type shut struct {
	nothingToSave
	in *Injector
	at place
	f  Fault
}

func (s *shut) hold() string { return "bgp/" + s.at.container + "/" + s.f.Peer }

func (s *shut) apply(ctx context.Context, _ json.RawMessage) error {
	r, of, err := s.in.speaker(ctx, s.at, s.f.Peer)
	if err != nil {
		return err
	}
	return r.Shut(ctx, of)
}

func (s *shut) undo(ctx context.Context, _ json.RawMessage) error {
	r, of, err := s.in.speaker(ctx, s.at, s.f.Peer)
	if err != nil {
		return err
	}
	return r.Open(ctx, of)
}

// reset resets sessions, or only exchanges routes anew (RFC 2918, route refresh).
type reset struct {
	nothingToSave
	in *Injector
	at place
	f  Fault
}

func (r *reset) hold() string { return "bgp/" + r.at.container + "/" + r.f.Peer }

func (r *reset) apply(ctx context.Context, _ json.RawMessage) error {
	speaker, of, err := r.in.speaker(ctx, r.at, r.f.Peer)
	if err != nil {
		return err
	}
	if r.f.Kind == KindBGPSoftClear {
		return speaker.Refresh(ctx, of)
	}
	return speaker.Reset(ctx, of)
}

func (r *reset) undo(context.Context, json.RawMessage) error { return nil }

// speaker is the router, which must run, and those of its peers that are meant: all, a range's, or one.
func (in *Injector) speaker(ctx context.Context, at place, peer string) (router.Router, bgp.Peers, error) {
	have, err := in.inspect(ctx, at.container)
	if err != nil {
		return nil, bgp.Peers{}, err
	}
	if !have.State.Running {
		return nil, bgp.Peers{}, fmt.Errorf("container %s is %s: %w", at.container, have.State.Status, errGone)
	}
	planned := routerOf(in.plan, at.name)
	of, err := in.peersOf(ctx, planned, at, peer)
	if err != nil {
		return nil, of, err
	}
	r, err := router.New(in.engine, in.plan, planned, "")
	return r, of, err
}

// peersOf are the peers of a name: all, "nodes", a range, a router or a node by each of its addresses, or an address.
func (in *Injector) peersOf(ctx context.Context, r plan.Router, at place, peer string) (bgp.Peers, error) {
	var of bgp.Peers
	if a, err := netip.ParseAddr(peer); err == nil || peer == "" {
		if peer != "" {
			of.Addresses = append(of.Addresses, a)
		}
		return of, nil
	}
	for _, g := range r.BGP.Ranges { // all of them are of nodes
		if peer == allNodes || peer == g.Name {
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

// addressesOn are a node's addresses, of both families, on networks.
func (in *Injector) addressesOn(ctx context.Context, networks []string, peer string) ([]netip.Addr, error) {
	x, _ := find(in.plan, peer)
	have, err := in.inspect(ctx, x.container)
	if err != nil || have.NetworkSettings == nil {
		return nil, err
	}
	var all []netip.Addr
	for _, n := range in.plan.Networks {
		if ep := have.NetworkSettings.Networks[n.Docker]; ep != nil && slices.Contains(networks, n.Name) {
			all = append(all, ep.IPAddress, ep.GlobalIPv6Address)
		}
	}
	return slices.DeleteFunc(all, func(a netip.Addr) bool { return !a.IsValid() }), nil
}
