// Package bird runs BIRD 2 as a router: its configuration made from the plan, its state read from what birdc shows.
package bird

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/box"
	"skidpad.dev/skidpad/lab/router/netns"
)

const (
	configPath = "/etc/bird/bird.conf"
	startPath  = "/usr/local/lib/skidpad/bird.sh"
	// readyWithin is many times what a start takes (under a second), for machines that are busy.
	readyWithin = 60 * time.Second
)

//go:embed start.sh
var startScript []byte

// Router is BIRD in a container.
type Router struct {
	engine *docker.Engine
	box    *docker.Container
	lab    string
	image  string
	plan   plan.Router
	nets   []plan.Network
	riders []string
}

// New returns a handle; it does no I/O. image is what the engine calls BIRD's image; only Start needs it.
// riders are containers in the router's namespaces, which are restarted with it.
func New(e *docker.Engine, p *plan.Plan, r plan.Router, image string, riders []string) *Router {
	return &Router{
		engine: e, box: e.Node(r.Name, node.KindRouter, r.Container), lab: p.Lab, image: image,
		plan: r, nets: p.Networks, riders: riders,
	}
}

// Name returns the scenario's name of the router: r1.
func (r *Router) Name() string { return r.plan.Name }

// Render makes its configuration, bird.conf, from the plan.
func (r *Router) Render() (string, error) { return Render(r.plan) }

// Start makes the router run, where it does not yet, and waits until BIRD has its configuration. Peers are
// not waited for.
func (r *Router) Start(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	err = box.Ensure(ctx, r.engine, docker.Spec{
		Lab: r.lab, Role: string(node.KindRouter), Node: r.plan.Name, Name: r.plan.Container, Image: r.image,
		Entrypoint: netns.Entrypoint(r.plan.Networks, nil, "/bin/bash", startPath),
		Networks:   netns.Attach(r.nets, r.plan.Networks),
		CapAdd:     []string{"NET_ADMIN", "NET_RAW"},
		Sysctls:    netns.RouterSysctls(r.plan.Networks),
		Files: []docker.File{
			netns.Init(),
			{Path: startPath, Mode: 0o755, Data: startScript},
			{Path: configPath, Mode: 0o640, Data: []byte(config)},
		},
	})
	if err != nil {
		return err
	}
	return r.ready(ctx)
}

// ready waits until BIRD answers, with the plan's router ID and peers.
func (r *Router) ready(ctx context.Context) error {
	return box.Await(ctx, r.engine, r.plan.Container, "BIRD answers with its configuration", readyWithin, func(ctx context.Context) error {
		out, err := r.birdc(ctx, "show status", "show protocols all")
		if err != nil || r.plan.BGP == nil {
			return err
		}
		id, protocols := parseRouterID(out), parseProtocols(out)
		if want := r.plan.BGP.RouterID; id != want {
			return fmt.Errorf("router ID %v; wanted %v", id, want)
		}
		for _, n := range r.plan.BGP.Neighbors {
			if _, ok := protocols[protocolName(n.Name)]; !ok {
				return fmt.Errorf("no protocol %s", protocolName(n.Name))
			}
		}
		return nil
	})
}

// birdc asks several things in turn.
func (r *Router) birdc(ctx context.Context, commands ...string) ([]byte, error) {
	out, err := r.box.Exec(ctx, "sh", "-c", "birdc '"+strings.Join(commands, "' && birdc '")+"'")
	if err != nil {
		return out, fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return out, nil
}

// Sessions returns the BGP sessions, by peer. Peers that are to dial in are listed only while they are there.
func (r *Router) Sessions(ctx context.Context) ([]bgp.Session, error) {
	out, err := r.birdc(ctx, "show status", "show protocols all")
	if err != nil {
		return nil, fmt.Errorf("sessions of %s: %w", r.Name(), err)
	}
	return parseSessions(r.Name(), out)
}

// Routes returns the RIB: what BGP learned, IPv4 unicast, by prefix.
func (r *Router) Routes(ctx context.Context) ([]bgp.Route, error) {
	if r.plan.BGP == nil {
		return nil, nil
	}
	protocols, err := r.birdc(ctx, "show protocols all")
	if err != nil {
		return nil, fmt.Errorf("routes of %s: %w", r.Name(), err)
	}
	paths, err := r.birdc(ctx, "show route all where source = RTS_BGP")
	if err != nil {
		return nil, fmt.Errorf("routes of %s: %w", r.Name(), err)
	}
	used, err := r.birdc(ctx, "show route export "+fib)
	if err != nil {
		return nil, fmt.Errorf("routes of %s: %w", r.Name(), err)
	}
	return parseRIB(parseProtocols(protocols), paths, used)
}

// FIB returns the kernel's routes, of all origins, by prefix.
func (r *Router) FIB(ctx context.Context) ([]bgp.Route, error) { return netns.FIB(ctx, r.box) }

// Apply brings the running router to the plan's configuration: checked first, then BIRD itself finds what
// differs and restarts no session that does not.
func (r *Router) Apply(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	next := configPath + ".new"
	if err := r.engine.CopyTo(ctx, r.plan.Container, []docker.File{{Path: next, Mode: 0o640, Data: []byte(config)}}); err != nil {
		return err
	}
	if out, err := r.box.Exec(ctx, "bird", "-p", "-c", next); err != nil {
		return fmt.Errorf("configuration of %s: BIRD does not take it, so the old one stays: %w: %s", r.Name(), err, out)
	}
	if _, err := r.box.Exec(ctx, "mv", next, configPath); err != nil {
		return fmt.Errorf("configuration of %s: %w", r.Name(), err)
	}
	out, err := r.birdc(ctx, "configure")
	if err != nil {
		return fmt.Errorf("configuration of %s: %w", r.Name(), err)
	}
	if !bytes.Contains(out, []byte("Reconfigur")) { // -ed, or -ation in progress
		return fmt.Errorf("configuration of %s: BIRD has not taken it: %s", r.Name(), bytes.TrimSpace(out))
	}
	return r.ready(ctx)
}

// Restart ends the router, starts it again, with all that lives in its namespaces, and waits as Start does. It is
// also how a router that was stopped or killed comes back.
func (r *Router) Restart(ctx context.Context) error {
	if err := box.Restart(ctx, r.engine, r.plan.Container, r.riders); err != nil {
		return err
	}
	return r.ready(ctx)
}

// Stop ends the router and all that lives in its namespaces; its container stays for Restart.
func (r *Router) Stop(ctx context.Context) error { return box.Stop(ctx, r.engine, r.plan.Container) }
