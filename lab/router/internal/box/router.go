package box

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/agent/link"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plain"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/native"
	"skidpad.dev/skidpad/lab/router/netns"
)

// Router is the common part of routers of every software: a container in the router's networks, with methods to run,
// restart and stop the container.
type Router struct {
	*docker.Container
	Plan plan.Router
	// Answers reports an error unless the software answers with the plan's configuration. The maker of a Router sets
	// Answers.
	Answers func(ctx context.Context) error

	engine *docker.Engine
	lab    *plan.Plan
	image  string
	riders []string // containers in the router's namespaces; Restart restarts the riders too
}

// NewRouter returns a handle, without I/O. image is the engine's name of the software's image; only Run needs the
// image.
func NewRouter(e *docker.Engine, p *plan.Plan, r plan.Router, image string) *Router {
	return &Router{
		Container: e.Node(r.Name, node.KindRouter, r.Container), Plan: r,
		engine: e, lab: p, image: image, riders: p.Places().Riders(r.Container).Containers(),
	}
}

// readyWithin is many times the usual start time (under two seconds), for busy machines.
const readyWithin = 60 * time.Second

// Software is the way to start a router's software.
type Software struct {
	Command []string
	CapAdd  []string
	Files   []docker.File
	Config  string // the configuration among the files
}

// Run makes the router run, unless the router runs, and waits until the router is ready.
func (r *Router) Run(ctx context.Context, s Software) error {
	err := Ensure(ctx, r.engine, docker.Spec{
		Lab: r.lab.Lab, Role: string(node.KindRouter), Node: r.Plan.Name, Name: r.Plan.Container, Image: r.image,
		Entrypoint: netns.Entrypoint(r.Plan.Networks, r.Plan.StartCalls(), r.lab.EarlyLinks(r.Plan.Name), s.Command...),
		Networks:   netns.Attach(r.lab.Networks, r.Plan.Networks),
		CapAdd:     s.CapAdd,
		Sysctls:    netns.RouterSysctls(r.Plan.Networks),
		Files:      slices.Concat([]docker.File{netns.Init()}, s.Files, native.Files(r.Plan.Native)),
	})
	if err != nil {
		return err
	}
	if err := link.Ensure(ctx, r.engine, r.lab); err != nil {
		return err
	}
	if err := r.Ready(ctx); err != nil {
		return r.explain(ctx, s.Config, err)
	}
	return nil
}

// Ready waits until the software answers with the plan's configuration.
func (r *Router) Ready(ctx context.Context) error {
	return Await(ctx, r.engine, r.Plan.Container, string(r.Plan.Software)+" answers with its configuration", readyWithin, r.Answers)
}

// explain leads the error of a router with native configuration, if the router has ended, to the user's file.
func (r *Router) explain(ctx context.Context, config string, err error) error {
	if !r.Plan.Native.Configures() || ctx.Err() != nil {
		return err
	}
	if _, ended := r.engine.Pid(ctx, r.Plan.Container); ended == nil {
		return err
	}
	logs, _ := r.engine.Logs(ctx, r.Plan.Container, 15)
	said := hide(r.Plan.BGP, native.Explain(r.Plan.Native, config, strings.TrimSpace(plain.Hide(logs))))
	return fmt.Errorf("router %s: %s does not take its native configuration: %s", r.Name(), r.Plan.Software, said)
}

// Stage puts a configuration beside the running configuration, and the software checks the new file. Stage returns the
// new file's path.
func (r *Router) Stage(ctx context.Context, path, config string, check ...string) (next string, err error) {
	next = path + ".new"
	files := append([]docker.File{{Path: next, Mode: 0o640, Data: []byte(config)}}, native.Files(r.Plan.Native)...)
	if err := r.engine.CopyTo(ctx, r.Plan.Container, files); err != nil {
		return "", err
	}
	if out, err := r.Exec(ctx, append(check, next)...); err != nil {
		if exit := (*node.ExitError)(nil); errors.As(err, &exit) {
			said := strings.TrimSpace(exit.Stderr + "\n" + string(out))
			exit.Stderr = hide(r.Plan.BGP, native.Explain(r.Plan.Native, config, said))
		}
		return "", fmt.Errorf("configuration of %s: %s does not take it, so the old one stays: %w", r.Name(), check[0], err)
	}
	return next, nil
}

// hide returns a software's output without the passwords of the router's peers: an error quotes the configuration's
// line.
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

// Commit makes the staged configuration the configuration for the router's next start.
func (r *Router) Commit(ctx context.Context, path string) error {
	if _, err := r.Exec(ctx, "mv", path+".new", path); err != nil {
		return fmt.Errorf("configuration of %s: %w", r.Name(), err)
	}
	return nil
}

// FIB returns the kernel's routes, of all origins, by prefix.
func (r *Router) FIB(ctx context.Context) ([]bgp.Route, error) { return netns.FIB(ctx, r.Container) }

// Restart ends the router, starts the router again, with all containers in the router's namespaces, and waits until the
// router is ready. Restart also brings back a stopped or killed router.
func (r *Router) Restart(ctx context.Context) error {
	if err := r.release(ctx); err != nil {
		return err
	}
	if err := Restart(ctx, r.engine, r.Plan.Container, r.riders); err != nil {
		return err
	}
	if err := link.Ensure(ctx, r.engine, r.lab); err != nil {
		return err
	}
	return r.Ready(ctx)
}

// Stop ends the router and all containers in the router's namespaces. The router's container stays for Restart.
func (r *Router) Stop(ctx context.Context) error {
	if err := r.release(ctx); err != nil {
		return err
	}
	return Stop(ctx, r.engine, r.Plan.Container)
}

// release stops the riders before the router, as an init system does: keepalived removes its addresses from the links.
// The engine removes the links of an ended container later, on a busy machine seconds later, and until then the kernel
// answers ARP for every address on the links.
func (r *Router) release(ctx context.Context) error {
	return eachRider(ctx, r.riders, func(ctx context.Context, rider string) error { return Stop(ctx, r.engine, rider) })
}
