package fault

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"encoding/json"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// badSpeaker returns what keeps a BGP fault from being made on a router.
func (f Fault) badSpeaker(p *plan.Plan, at place) []string {
	r := routerOf(p, at.name)
	if r.BGP == nil || r.Software != scenario.FRR {
		return nil // told when it is made
	}
	_, notAddress := netip.ParseAddr(f.Peer)
	x, isNode := find(p, f.Peer)
	group := slices.ContainsFunc(r.BGP.Ranges, func(g plan.Range) bool { return g.Name == f.Peer })
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

func (s *shut) apply(ctx context.Context, _ json.RawMessage) error { return s.configure(ctx, "") }

func (s *shut) undo(ctx context.Context, _ json.RawMessage) error { return s.configure(ctx, "no ") }

// configure says it to the running configuration alone: a router that is restarted has forgotten it.
func (s *shut) configure(ctx context.Context, no string) error {
	r, err := s.in.speaker(s.at)
	if err != nil {
		return err
	}
	line := "bgp shutdown"
	if s.f.Peer != "" {
		peer, err := s.in.peerOf(ctx, r, s.at, s.f.Peer)
		if err != nil {
			return err
		}
		line = "neighbor " + peer + " shutdown"
	}
	return s.in.vtysh(ctx, s.at, "configure terminal", fmt.Sprintf("router bgp %d", r.BGP.ASN), no+line)
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
	speaker, err := r.in.speaker(r.at)
	if err != nil {
		return err
	}
	peer := "*"
	if r.f.Peer != "" {
		if peer, err = r.in.peerOf(ctx, speaker, r.at, r.f.Peer); err != nil {
			return err
		}
		if slices.ContainsFunc(speaker.BGP.Ranges, func(g plan.Range) bool { return g.Name == peer }) {
			peer = "peer-group " + peer
		}
	}
	command := "clear bgp ipv4 unicast " + peer
	if r.f.Kind == KindBGPSoftClear {
		command += " soft"
	}
	return r.in.vtysh(ctx, r.at, command)
}

func (r *reset) undo(context.Context, json.RawMessage) error { return nil }

// speaker is the router's plan, if it is one that BGP faults can be made on.
func (in *Injector) speaker(at place) (plan.Router, error) {
	r := routerOf(in.plan, at.name)
	if r.BGP == nil {
		return r, fmt.Errorf("router %s: it speaks no BGP", at.name)
	}
	if r.Software != scenario.FRR {
		return r, fmt.Errorf("router %s: BGP faults of software %s are not supported yet; wanted is %s", at.name, r.Software, scenario.FRR)
	}
	return r, nil
}

// peerOf is what the router calls a peer: an address, or a peer group.
func (in *Injector) peerOf(ctx context.Context, r plan.Router, at place, peer string) (string, error) {
	for _, n := range r.BGP.Neighbors {
		if n.Name == peer {
			return n.Address.String(), nil
		}
	}
	for _, g := range r.BGP.Ranges {
		if g.Name == peer {
			return peer, nil
		}
	}
	_, a, err := in.addressOf(ctx, at, "", peer)
	return a.String(), err
}

// vtysh runs commands in FRR's shell. It reports mistakes on standard output, with a code of 0 for some.
func (in *Injector) vtysh(ctx context.Context, at place, commands ...string) error {
	have, err := in.inspect(ctx, at.container)
	if err != nil {
		return err
	}
	if !have.State.Running {
		return fmt.Errorf("container %s is %s: %w", at.container, have.State.Status, errGone)
	}
	args := []string{"vtysh"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	out, err := in.engine.Node(at.name, node.KindRouter, at.container).Exec(ctx, args...)
	said := strings.TrimSpace(string(out))
	if err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	if strings.Contains(said, "%") {
		return errors.New(at.name + ": vtysh: " + strings.Join(commands, "; ") + ": " + said)
	}
	return nil
}
