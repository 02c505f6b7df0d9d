// Package gateway guards an address on each of several networks by VRRP. Beside each member, keepalived runs in a
// container of its own, in the router's namespaces. The router's image can therefore be any image.
package gateway

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/box"
)

const (
	directory = "/etc/skidpad/gateway"
	// readyWithin is many times the usual start time (under a second), for busy machines.
	readyWithin = 60 * time.Second
)

//go:embed start.sh
var startScript []byte

//go:embed notify.sh
var notifyScript []byte

//go:embed track.sh
var trackScript []byte

// Gateway is a guarded address, one on each network of the gateway.
type Gateway struct {
	engine *docker.Engine
	lab    string
	image  string
	plan   plan.Gateway
	homes  map[string]string // the container of the router or node, by member
}

// New returns a gateway of a plan, running or not, without I/O. image is the engine's name of keepalived's image; only
// Start needs the image.
func New(e *docker.Engine, p *plan.Plan, g plan.Gateway, image string) *Gateway {
	homes := map[string]string{}
	for _, x := range p.Places().Of(node.KindRouter, node.KindCluster) {
		homes[x.Name] = x.Container
	}
	return &Gateway{engine: e, lab: p.Lab, image: image, plan: g, homes: homes}
}

// Name returns the scenario's name of the gateway: gw.
func (g *Gateway) Name() string { return g.plan.Name }

// Start makes all members run, side by side, leaves running members alone, and waits until one member holds the
// addresses. The routers' containers must run; their daemons need not be ready. Without preemption, the first of the members
// to listen for three adverts keeps the addresses: there, the planned master starts before the others.
func (g *Gateway) Start(ctx context.Context) error {
	group, starting := errgroup.WithContext(ctx)
	first := g.plan.Members[0]
	if g.plan.NoPreempt && g.down(ctx) {
		if err := g.start(ctx, first); err != nil {
			return err
		}
		err := box.Await(ctx, g.engine, first.Container, "the first member of gateway "+g.Name()+" is master, or finds a fault", readyWithin, func(ctx context.Context) error {
			if s := g.member(ctx, first); s.State != Master && s.State != Fault {
				return errors.New(s.String())
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, m := range g.plan.Members {
		group.Go(func() error { return g.start(starting, m) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return box.Await(ctx, g.engine, first.Container, "one member of gateway "+g.Name()+" holds its addresses", readyWithin, func(ctx context.Context) error {
		_, err := g.Holder(ctx)
		return err
	})
}

// down reports whether no member runs.
func (g *Gateway) down(ctx context.Context) bool {
	return !slices.ContainsFunc(g.Members(ctx), func(m Member) bool { return m.State != Unknown })
}

// start makes a member run, and waits until keepalived reports its state.
func (g *Gateway) start(ctx context.Context, m plan.GatewayGuard) error {
	spec, err := g.spec(m)
	if err != nil {
		return err
	}
	if err := box.Ensure(ctx, g.engine, spec); err != nil {
		return err
	}
	return box.Await(ctx, g.engine, m.Container, "keepalived reports its state", readyWithin, func(ctx context.Context) error {
		if s := g.member(ctx, m); s.State == Unknown {
			return errors.New(s.Seen)
		}
		return nil
	})
}

func (g *Gateway) spec(m plan.GatewayGuard) (docker.Spec, error) {
	config, err := Render(g.plan, m)
	if err != nil {
		return docker.Spec{}, err
	}
	cmd := []string{"/bin/sh", directory + "/start.sh", directory}
	for i := range g.plan.Addresses {
		cmd = append(cmd, m.DeviceOn(g.plan, i))
	}
	router := g.homes[m.Router]
	return docker.Spec{
		Lab: g.lab, Role: string(node.KindGateway), Node: m.Router + "-" + g.plan.Name, Name: m.Container, Image: g.image,
		Entrypoint: cmd,
		NetworkOf:  router,
		// In the router's PID namespace, keepalived always ends together with the router's container. Otherwise
		// keepalived would keep the network namespace and the interfaces alive, and would hold the address for a dead
		// router.
		PIDOf:  router,
		CapAdd: []string{"NET_ADMIN", "NET_RAW"},
		Files: append(own(g.plan), []docker.File{
			{Path: directory + "/keepalived.conf", Data: []byte(config)},
			{Path: directory + "/start.sh", Mode: 0o755, Data: startScript},
			{Path: directory + "/notify.sh", Mode: 0o755, Data: notifyScript},
			{Path: directory + "/track.sh", Mode: 0o755, Data: trackScript},
		}...),
	}, nil
}

// own returns the scenario's own scripts.
func own(g plan.Gateway) []docker.File {
	var files []docker.File
	for _, c := range g.Checks {
		files = append(files, docker.File{Path: directory + "/check-" + c.Name, Mode: 0o755, Data: []byte(c.Script.Text)})
	}
	if g.Notify != nil {
		files = append(files, docker.File{Path: directory + "/notify-own", Mode: 0o755, Data: []byte(g.Notify.Text)})
	}
	return files
}

// Members returns the state that each member reports, in the order of the plan. The state is Unknown if a member does
// not answer.
func (g *Gateway) Members(ctx context.Context) []Member {
	list := make([]Member, len(g.plan.Members))
	var group errgroup.Group
	for i, m := range g.plan.Members {
		group.Go(func() error {
			list[i] = g.member(ctx, m)
			return nil
		})
	}
	_ = group.Wait() // the functions return no errors
	return list
}

func (g *Gateway) member(ctx context.Context, m plan.GatewayGuard) Member {
	n := g.engine.Node(m.Router+"-"+g.plan.Name, node.KindGateway, m.Container)
	out, err := n.Exec(ctx, "sh", "-c", "cat "+directory+"/state && ip -j addr show")
	if err != nil {
		return Member{Router: m.Router, Seen: err.Error()}
	}
	member, err := parseMember(out, g.addresses())
	if err != nil {
		return Member{Router: m.Router, Seen: err.Error()}
	}
	member.Router = m.Router
	return member
}

func (g *Gateway) addresses() []netip.Addr {
	var list []netip.Addr
	for _, a := range g.plan.Addresses {
		list = append(list, a.Addresses()...)
	}
	return list
}

// Holder returns the router that has all of the gateway's addresses in its kernel, if no other router has any. In all
// other cases, also during a move, Holder returns an error with the addresses of each router.
func (g *Gateway) Holder(ctx context.Context) (string, error) {
	return g.HolderAmong(g.Members(ctx))
}

// HolderAmong is Holder with the result of an earlier call of Members.
func (g *Gateway) HolderAmong(members []Member) (string, error) {
	return holder(g.Name(), members, g.addresses())
}

func holder(gateway string, members []Member, addresses []netip.Addr) (string, error) {
	var having []string
	all := false
	var seen []string
	for _, m := range members {
		seen = append(seen, m.String())
		if len(m.Addresses) > 0 {
			having = append(having, m.Router)
			all = len(m.Addresses) == len(addresses)
		}
	}
	if len(having) == 1 && all {
		return having[0], nil
	}
	slices.Sort(having)
	who := "nobody has"
	switch {
	case len(having) == 1:
		who = having[0] + " has only some of"
	case len(having) > 1:
		who = strings.Join(having, " and ") + " have"
	}
	return "", fmt.Errorf("gateway %s: %s its addresses %v; wanted is one member that has all of them: %s", gateway, who, addresses, strings.Join(seen, "; "))
}
