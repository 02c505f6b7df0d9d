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
	"skidpad.dev/skidpad/lab/router/internal/box"
)

const (
	configPath = "/etc/gobgp/gobgpd.yaml"
	startPath  = "/usr/local/lib/skidpad/gobgp.sh"
)

//go:embed start.sh
var startScript []byte

// Router is GoBGP in a container.
type Router struct{ *box.Router }

// Render makes its configuration, gobgpd.yaml, from the plan.
func (r *Router) Render() (string, error) { return Render(r.Plan) }

// Start makes the router run, where it does not yet, and waits until gobgpd has its configuration. Peers are
// not waited for.
func (r *Router) Start(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	command := []string{"/bin/sh", "-c", "trap 'exit 0' TERM INT; sleep infinity & wait"} // it only forwards
	if r.Plan.BGP != nil {
		command = []string{"/bin/bash", startPath, fmt.Sprint(r.Plan.BGP.MaximumPaths)}
	}
	return r.Run(ctx, box.Software{
		Command: command,
		// What zebra keeps when it leaves root.
		CapAdd: []string{"NET_ADMIN", "NET_RAW", "SYS_ADMIN"},
		Files: []docker.File{
			{Path: startPath, Mode: 0o755, Data: startScript},
			{Path: configPath, Mode: 0o640, Data: []byte(config)},
		},
	})
}

// answers looks whether gobgpd has the plan's peers.
func (r *Router) answers(ctx context.Context) error {
	if r.Plan.BGP == nil {
		return nil
	}
	sessions, err := r.Sessions(ctx)
	if err != nil {
		return err
	}
	if have, want := len(sessions), len(r.Plan.BGP.Neighbors); have < want {
		return fmt.Errorf("%d configured peers; wanted %d", have, want)
	}
	return nil
}

func (r *Router) gobgp(ctx context.Context, args ...string) ([]byte, error) {
	out, err := r.Exec(ctx, append([]string{"gobgp", "-j"}, args...)...)
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

// Apply brings the running router to the plan's configuration, which gobgpd checks first. It takes only some of what
// may differ while it runs, so the router is restarted, unless nothing differs.
func (r *Router) Apply(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	if have, err := r.Exec(ctx, "cat", configPath); err == nil && string(have) == config {
		return r.Ready(ctx)
	}
	if _, err := r.Stage(ctx, configPath, config, "gobgpd", "--dry-run", "-t", "yaml", "-f"); err != nil {
		return err
	}
	if err := r.Commit(ctx, configPath); err != nil {
		return err
	}
	return r.Restart(ctx)
}
