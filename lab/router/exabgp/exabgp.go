// Package exabgp runs ExaBGP as a router that announces: the configuration comes from the plan, the state from
// exabgpcli. ExaBGP puts no routes into the kernel.
package exabgp

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/router/internal/box"
)

const (
	configPath = "/etc/exabgp/exabgp.conf"
	startPath  = "/usr/local/lib/skidpad/exabgp.sh"
	// runningPath is the running configuration, without the neighbors that Shut removed.
	runningPath = "/run/exabgp/exabgp.conf"
)

//go:embed start.sh
var startScript []byte

// Router is ExaBGP in a container.
type Router struct{ *box.Router }

// Render makes the configuration, exabgp.conf, from the plan.
func (r *Router) Render() (string, error) { return Render(r.Plan) }

// Start makes the router run, unless it runs, and waits until ExaBGP has its configuration. Peers are not waited for.
func (r *Router) Start(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	return r.Run(ctx, box.Software{
		Command: []string{"/bin/bash", startPath},
		CapAdd:  []string{"NET_ADMIN", "NET_RAW"},
		Config:  config,
		Files: []docker.File{
			{Path: startPath, Mode: 0o755, Data: startScript},
			{Path: configPath, Mode: 0o640, Data: []byte(config)},
		},
	})
}

// answers returns an error unless ExaBGP has the plan's peers.
func (r *Router) answers(ctx context.Context) error {
	out, err := r.cli(ctx, "show neighbor extensive")
	if err != nil || r.Plan.BGP == nil {
		return err
	}
	have, err := parseNeighbors(out)
	if err != nil {
		return err
	}
	for _, n := range r.Plan.BGP.Neighbors {
		if _, ok := have[n.Address]; !ok {
			return fmt.Errorf("no neighbor %s (%s)", n.Address, n.Name)
		}
	}
	return nil
}

// cli returns the shell command that asks ExaBGP. exabgpcli serves one user at a time.
func cli(command string) string { return "flock /run/exabgp.lock exabgpcli " + command }

func (r *Router) cli(ctx context.Context, command string) ([]byte, error) {
	out, err := r.Exec(ctx, "sh", "-c", cli(command))
	if err != nil {
		return out, fmt.Errorf("exabgpcli %s: %w: %s", command, err, bytes.TrimSpace(out))
	}
	return out, nil
}

// Sessions returns the BGP sessions, by peer.
func (r *Router) Sessions(ctx context.Context) ([]bgp.Session, error) {
	if !r.Plan.Speaks() {
		return nil, nil
	}
	var outs [3][]byte
	for i, what := range []string{"neighbor extensive", "adj-rib in", "adj-rib out"} {
		var err error
		if outs[i], err = r.cli(ctx, "show "+what); err != nil {
			return nil, fmt.Errorf("sessions of %s: %w", r.Name(), err)
		}
	}
	return sessions(r.Plan, outs[0], outs[1], outs[2])
}

// Routes returns the RIB: the unicast routes that BGP learned, by prefix. ExaBGP uses none of the routes.
func (r *Router) Routes(ctx context.Context) ([]bgp.Route, error) {
	out, err := r.cli(ctx, "show adj-rib in extensive")
	if err != nil {
		return nil, fmt.Errorf("routes of %s: %w", r.Name(), err)
	}
	return parseRIB(out)
}

// Apply brings the running router to the plan's configuration, checked first. Sessions without a change stay.
func (r *Router) Apply(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	if _, err := r.Stage(ctx, configPath, config, "exabgp", "--validate"); err != nil {
		return err
	}
	if err := r.Commit(ctx, configPath); err != nil {
		return err
	}
	if err := r.load(ctx, config); err != nil {
		return err
	}
	return r.Ready(ctx)
}

// load makes ExaBGP take a configuration, until ExaBGP ends.
func (r *Router) load(ctx context.Context, config string) error {
	const script = `printf %s "$1" >` + runningPath + ` && kill -USR1 "$(cat /run/exabgp/pid)"`
	if out, err := r.Exec(ctx, "sh", "-c", script, "sh", config); err != nil {
		return fmt.Errorf("configuration of %s: %w: %s", r.Name(), err, bytes.TrimSpace(out))
	}
	return nil
}
