// Package frr runs FRRouting as a router: its configuration made from the plan, its state read as JSON.
package frr

import (
	"context"
	_ "embed"
	"errors"
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
	configPath = "/etc/frr/frr.conf"
	startPath  = "/usr/local/lib/skidpad/frr.sh"
	reloadPath = "/usr/lib/frr/frr-reload.py"
	// readyWithin is many times what a start takes (under a second), for machines that are busy.
	readyWithin = 60 * time.Second
)

//go:embed start.sh
var startScript []byte

// Router is FRR in a container.
type Router struct {
	engine *docker.Engine
	box    *docker.Container
	lab    string
	image  string
	plan   plan.Router
	nets   []plan.Network
	riders []string
}

// New returns a handle; it does no I/O. image is what the engine calls FRR's image; only Start needs it.
// riders are containers in the router's namespaces, which are restarted with it.
func New(e *docker.Engine, p *plan.Plan, r plan.Router, image string, riders []string) *Router {
	return &Router{
		engine: e, box: e.Node(r.Name, node.KindRouter, r.Container), lab: p.Lab, image: image,
		plan: r, nets: p.Networks, riders: riders,
	}
}

// Name returns the scenario's name of the router: r1.
func (r *Router) Name() string { return r.plan.Name }

// Render makes its configuration, frr.conf, from the plan.
func (r *Router) Render() (string, error) { return Render(r.plan) }

// Start makes the router run, where it does not yet, and waits until bgpd has its configuration. Peers
// are not waited for.
func (r *Router) Start(ctx context.Context) error {
	spec, err := r.spec()
	if err != nil {
		return err
	}
	if err := box.Ensure(ctx, r.engine, spec); err != nil {
		return err
	}
	return r.ready(ctx)
}

func (r *Router) spec() (docker.Spec, error) {
	config, err := r.Render()
	if err != nil {
		return docker.Spec{}, err
	}
	return docker.Spec{
		Lab: r.lab, Role: string(node.KindRouter), Node: r.plan.Name, Name: r.plan.Container, Image: r.image,
		Entrypoint: netns.Entrypoint(r.plan.Networks, nil, "/bin/sh", startPath),
		Networks:   netns.Attach(r.nets, r.plan.Networks),
		// What FRR's daemons keep when they leave root: zebra installs routes and bgpd binds to devices.
		CapAdd:  []string{"NET_ADMIN", "NET_RAW", "SYS_ADMIN"},
		Sysctls: netns.RouterSysctls(r.plan.Networks),
		Files: []docker.File{
			netns.Init(),
			{Path: startPath, Mode: 0o755, Data: startScript},
			{Path: configPath, Mode: 0o640, Data: []byte(config)},
			{Path: "/etc/frr/daemons", Mode: 0o640, Data: []byte(daemonsFile)},
			{Path: "/etc/frr/vtysh.conf", Mode: 0o640, Data: []byte(vtyshFile)},
		},
	}, nil
}

// ready waits until vtysh is answered by bgpd with the plan's router ID and peers.
func (r *Router) ready(ctx context.Context) error {
	return box.Await(ctx, r.engine, r.plan.Container, "bgpd answers with its configuration", readyWithin, func(ctx context.Context) error {
		out, err := r.vtysh(ctx, "show bgp vrfs json")
		if err != nil || r.plan.BGP == nil {
			return err
		}
		id, peers, err := parseInstance(out)
		if err != nil {
			return err
		}
		if want := r.plan.BGP; id != want.RouterID || peers < len(want.Neighbors) {
			return fmt.Errorf("router ID %v, %d configured peers; wanted %v, %d", id, peers, want.RouterID, len(want.Neighbors))
		}
		return nil
	})
}

func (r *Router) vtysh(ctx context.Context, command string) ([]byte, error) {
	return r.box.Exec(ctx, "vtysh", "-c", command)
}

// Sessions returns the BGP sessions, by peer. Peers that are to dial in are listed only while they are there.
func (r *Router) Sessions(ctx context.Context) ([]bgp.Session, error) {
	out, err := r.vtysh(ctx, "show bgp neighbors json")
	if err != nil {
		return nil, fmt.Errorf("sessions of %s: %w", r.Name(), err)
	}
	return parseNeighbors(r.Name(), out)
}

// Routes returns the RIB: what BGP learned, unicast, by prefix.
func (r *Router) Routes(ctx context.Context) ([]bgp.Route, error) {
	var all []bgp.Route
	for _, family := range r.families() {
		out, err := r.vtysh(ctx, "show bgp "+family+" unicast json")
		if err != nil {
			return nil, fmt.Errorf("routes of %s: %w", r.Name(), err)
		}
		routes, err := parseRIB(out)
		if err != nil {
			return nil, err
		}
		all = append(all, routes...)
	}
	bgp.SortRoutes(all)
	return all, nil
}

// families are the address families that the router has.
func (r *Router) families() []string {
	for _, a := range r.plan.Networks {
		if a.Address6.IsValid() {
			return []string{"ipv4", "ipv6"}
		}
	}
	return []string{"ipv4"}
}

// FIB returns the kernel's routes, of all origins, by prefix.
func (r *Router) FIB(ctx context.Context) ([]bgp.Route, error) { return netns.FIB(ctx, r.box) }

// Apply brings the running router to the plan's configuration: checked first, then only the differences
// are told to the daemons, so that untouched sessions stay. Where FRR cannot change that while it runs (its
// reload fails, or the image has no Python for it), the router is restarted.
func (r *Router) Apply(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	next := configPath + ".new"
	if err := r.engine.CopyTo(ctx, r.plan.Container, []docker.File{{Path: next, Mode: 0o640, Data: []byte(config)}}); err != nil {
		return err
	}
	if out, err := r.box.Exec(ctx, "vtysh", "-C", "-f", next); err != nil {
		return fmt.Errorf("configuration of %s: vtysh does not take it, so the old one stays: %w: %s", r.Name(), err, out)
	}
	_, failed := r.box.Exec(ctx, "python3", reloadPath, "--reload", next)
	if exit := (*node.ExitError)(nil); failed != nil && !errors.As(failed, &exit) {
		return fmt.Errorf("configuration of %s: %w", r.Name(), failed)
	}
	if _, err := r.box.Exec(ctx, "mv", next, configPath); err != nil {
		return fmt.Errorf("configuration of %s: %w", r.Name(), err)
	}
	if failed != nil {
		return r.Restart(ctx)
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
