// Package gobgp runs GoBGP as a router: its configuration made from the plan, its state read as JSON. GoBGP is a BGP
// speaker only, so FRR's zebra runs beside it and writes its routes into the kernel's table, as GoBGP's documentation
// has it (docs/sources/zebra.md).
package gobgp

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/box"
	"skidpad.dev/skidpad/lab/router/netns"
)

const (
	configPath = "/etc/gobgp/gobgpd.yaml"
	startPath  = "/usr/local/lib/skidpad/gobgp.sh"
	// readyWithin is many times what a start takes (under two seconds), for machines that are busy.
	readyWithin = 60 * time.Second
)

//go:embed start.sh
var startScript []byte

// Router is GoBGP in a container.
type Router struct {
	engine *docker.Engine
	box    *docker.Container
	lab    string
	image  string
	plan   plan.Router
	nets   []plan.Network
	riders []string
}

// New returns a handle; it does no I/O. image is what the engine calls GoBGP's image; only Start needs it.
// riders are containers in the router's namespaces, which are restarted with it.
func New(e *docker.Engine, p *plan.Plan, r plan.Router, image string, riders []string) *Router {
	return &Router{
		engine: e, box: e.Node(r.Name, node.KindRouter, r.Container), lab: p.Lab, image: image,
		plan: r, nets: p.Networks, riders: riders,
	}
}

// Name returns the scenario's name of the router: r1.
func (r *Router) Name() string { return r.plan.Name }

// Render makes its configuration, gobgpd.yaml, from the plan.
func (r *Router) Render() (string, error) { return Render(r.plan) }

// Start makes the router run, where it does not yet, and waits until gobgpd has its configuration. Peers are
// not waited for.
func (r *Router) Start(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	command := []string{"/bin/sh", "-c", "trap 'exit 0' TERM INT; sleep infinity & wait"} // it only forwards
	if r.plan.BGP != nil {
		command = []string{"/bin/bash", startPath, fmt.Sprint(r.plan.BGP.MaximumPaths)}
	}
	err = box.Ensure(ctx, r.engine, docker.Spec{
		Lab: r.lab, Role: string(node.KindRouter), Node: r.plan.Name, Name: r.plan.Container, Image: r.image,
		Entrypoint: netns.Entrypoint(r.plan.Networks, nil, command...),
		Networks:   netns.Attach(r.nets, r.plan.Networks),
		// What zebra keeps when it leaves root.
		CapAdd:  []string{"NET_ADMIN", "NET_RAW", "SYS_ADMIN"},
		Sysctls: netns.RouterSysctls(r.plan.Networks),
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

// ready waits until gobgpd answers, with the plan's peers.
func (r *Router) ready(ctx context.Context) error {
	if r.plan.BGP == nil {
		return nil
	}
	return box.Await(ctx, r.engine, r.plan.Container, "gobgpd answers with its configuration", readyWithin, func(ctx context.Context) error {
		sessions, err := r.Sessions(ctx)
		if err != nil {
			return err
		}
		if have, want := len(sessions), len(r.plan.BGP.Neighbors); have < want {
			return fmt.Errorf("%d configured peers; wanted %d", have, want)
		}
		return nil
	})
}

func (r *Router) gobgp(ctx context.Context, args ...string) ([]byte, error) {
	out, err := r.box.Exec(ctx, append([]string{"gobgp", "-j"}, args...)...)
	if err != nil {
		return out, fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return out, nil
}

// Sessions returns the BGP sessions, by peer. Peers that are to dial in are listed only while they are there.
func (r *Router) Sessions(ctx context.Context) ([]bgp.Session, error) {
	out, err := r.gobgp(ctx, "neighbor")
	if err != nil {
		return nil, fmt.Errorf("sessions of %s: %w", r.Name(), err)
	}
	return parseNeighbors(r.Name(), out, time.Now())
}

// Routes returns the RIB: what BGP learned, IPv4 unicast, by prefix.
func (r *Router) Routes(ctx context.Context) ([]bgp.Route, error) {
	out, err := r.gobgp(ctx, "global", "rib", "-a", "ipv4")
	if err != nil {
		return nil, fmt.Errorf("routes of %s: %w", r.Name(), err)
	}
	return parseRIB(out)
}

// FIB returns the kernel's routes, of all origins, by prefix.
func (r *Router) FIB(ctx context.Context) ([]bgp.Route, error) { return netns.FIB(ctx, r.box) }

// Apply brings the running router to the plan's configuration, which gobgpd checks first. It takes only some of what
// may differ while it runs, so the router is restarted, unless nothing differs.
func (r *Router) Apply(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	if have, err := r.box.Exec(ctx, "cat", configPath); err == nil && string(have) == config {
		return r.ready(ctx)
	}
	next := configPath + ".new"
	if err := r.engine.CopyTo(ctx, r.plan.Container, []docker.File{{Path: next, Mode: 0o640, Data: []byte(config)}}); err != nil {
		return err
	}
	if out, err := r.box.Exec(ctx, "gobgpd", "--dry-run", "-t", "yaml", "-f", next); err != nil {
		return fmt.Errorf("configuration of %s: gobgpd does not take it, so the old one stays: %w: %s", r.Name(), err, out)
	}
	if _, err := r.box.Exec(ctx, "mv", next, configPath); err != nil {
		return fmt.Errorf("configuration of %s: %w", r.Name(), err)
	}
	return r.Restart(ctx)
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
