package box

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/netns"
)

// Router is what a router is whatever its software: a container in its networks, with a life of its own.
type Router struct {
	*docker.Container
	Plan plan.Router
	// Answers looks whether the software answers with the plan's configuration. Whoever makes a Router sets it.
	Answers func(ctx context.Context) error

	engine *docker.Engine
	lab    string
	image  string
	nets   []plan.Network
	riders []string // containers in the router's namespaces, which are restarted with it
}

// NewRouter returns a handle; it does no I/O. image is what the engine calls the software's image; only Run needs it.
func NewRouter(e *docker.Engine, p *plan.Plan, r plan.Router, image string) *Router {
	return &Router{
		Container: e.Node(r.Name, node.KindRouter, r.Container), Plan: r,
		engine: e, lab: p.Lab, image: image, nets: p.Networks, riders: p.Places().Riders(r.Container).Containers(),
	}
}

// readyWithin is many times what a start takes (under two seconds), for machines that are busy.
const readyWithin = 60 * time.Second

// Software is how a router's software is started.
type Software struct {
	Command []string
	CapAdd  []string
	Files   []docker.File
}

// Run makes the router run, where it does not yet, and waits until it is ready.
func (r *Router) Run(ctx context.Context, s Software) error {
	err := Ensure(ctx, r.engine, docker.Spec{
		Lab: r.lab, Role: string(node.KindRouter), Node: r.Plan.Name, Name: r.Plan.Container, Image: r.image,
		Entrypoint: netns.Entrypoint(r.Plan.Networks, nil, s.Command...),
		Networks:   netns.Attach(r.nets, r.Plan.Networks),
		CapAdd:     s.CapAdd,
		Sysctls:    netns.RouterSysctls(r.Plan.Networks),
		Files:      append([]docker.File{netns.Init()}, s.Files...),
	})
	if err != nil {
		return err
	}
	return r.Ready(ctx)
}

// Ready waits until the software answers with the plan's configuration.
func (r *Router) Ready(ctx context.Context) error {
	return Await(ctx, r.engine, r.Plan.Container, string(r.Plan.Software)+" answers with its configuration", readyWithin, r.Answers)
}

// Stage puts a configuration beside the one in force and has the software check it. It returns where that is.
func (r *Router) Stage(ctx context.Context, path, config string, check ...string) (next string, err error) {
	next = path + ".new"
	if err := r.engine.CopyTo(ctx, r.Plan.Container, []docker.File{{Path: next, Mode: 0o640, Data: []byte(config)}}); err != nil {
		return "", err
	}
	if out, err := r.Exec(ctx, append(check, next)...); err != nil {
		if exit := (*node.ExitError)(nil); errors.As(err, &exit) {
			exit.Stderr = hide(r.Plan.BGP, exit.Stderr)
		}
		return "", fmt.Errorf("configuration of %s: %s does not take it, so the old one stays: %w: %s", r.Name(), check[0], err, hide(r.Plan.BGP, string(out)))
	}
	return next, nil
}

// hide returns a software's output without the passwords of the router's peers: an error quotes the configuration's line.
func hide(s *plan.Speaker, text string) string {
	if s == nil {
		return text
	}
	secrets := func(p plan.Peering) {
		if secret, ok := p.Password.Reveal(); ok && secret != "" {
			text = strings.ReplaceAll(text, secret, p.Password.String())
		}
	}
	for _, n := range s.Neighbors {
		secrets(n.Peering)
	}
	for _, g := range s.Ranges {
		secrets(g.Peering)
	}
	return text
}

// Commit lets the configuration that was staged be the one that the router starts with.
func (r *Router) Commit(ctx context.Context, path string) error {
	if _, err := r.Exec(ctx, "mv", path+".new", path); err != nil {
		return fmt.Errorf("configuration of %s: %w", r.Name(), err)
	}
	return nil
}

// FIB returns the kernel's routes, of all origins, by prefix.
func (r *Router) FIB(ctx context.Context) ([]bgp.Route, error) { return netns.FIB(ctx, r.Container) }

// Restart ends the router, starts it again, with all that lives in its namespaces, and waits until it is ready. It is
// also how a router that was stopped or killed comes back.
func (r *Router) Restart(ctx context.Context) error {
	if err := r.release(ctx); err != nil {
		return err
	}
	if err := Restart(ctx, r.engine, r.Plan.Container, r.riders); err != nil {
		return err
	}
	return r.Ready(ctx)
}

// Stop ends the router and all that lives in its namespaces; its container stays for Restart.
func (r *Router) Stop(ctx context.Context) error {
	if err := r.release(ctx); err != nil {
		return err
	}
	return Stop(ctx, r.engine, r.Plan.Container)
}

// release stops the riders before the router, as an init system does: keepalived takes its addresses off the links. The
// engine removes the links of an ended container later, on a busy machine seconds later, and until then the kernel
// answers ARP for every address on them.
func (r *Router) release(ctx context.Context) error {
	return eachRider(ctx, r.riders, func(ctx context.Context, rider string) error { return Stop(ctx, r.engine, rider) })
}
