// Package bird runs BIRD 2 as a router: its configuration made from the plan, its state read from what birdc shows.
package bird

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
	configPath = "/etc/bird/bird.conf"
	startPath  = "/usr/local/lib/skidpad/bird.sh"
)

//go:embed start.sh
var startScript []byte

// Router is BIRD in a container.
type Router struct{ *box.Router }

// Render makes its configuration, bird.conf, from the plan.
func (r *Router) Render() (string, error) { return Render(r.Plan) }

// Start makes the router run, where it does not yet, and waits until BIRD has its configuration. Peers are
// not waited for.
func (r *Router) Start(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	return r.Run(ctx, box.Software{
		Command: []string{"/bin/bash", startPath},
		CapAdd:  []string{"NET_ADMIN", "NET_RAW"},
		Files: []docker.File{
			{Path: startPath, Mode: 0o755, Data: startScript},
			{Path: configPath, Mode: 0o640, Data: []byte(config)},
		},
	})
}

// answers looks whether BIRD has the plan's router ID and peers.
func (r *Router) answers(ctx context.Context) error {
	out, err := r.birdc(ctx, "show status", "show protocols all")
	if err != nil || r.Plan.BGP == nil {
		return err
	}
	id, protocols := parseRouterID(out), parseProtocols(out)
	if want := r.Plan.BGP.RouterID; id != want {
		return fmt.Errorf("router ID %v; wanted %v", id, want)
	}
	for _, n := range r.Plan.BGP.Neighbors {
		if _, ok := protocols[protocolName(n.Name)]; !ok {
			return fmt.Errorf("no protocol %s", protocolName(n.Name))
		}
	}
	return nil
}

// eachCommand asks each argument in turn. Arguments hold names of protocols as BIRD prints them; a shell never reads them.
const eachCommand = `for c; do birdc "$c" || exit; done`

// birdc asks several things in turn.
func (r *Router) birdc(ctx context.Context, commands ...string) ([]byte, error) {
	out, err := r.Exec(ctx, append([]string{"sh", "-c", eachCommand, "birdc"}, commands...)...)
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
	if r.Plan.BGP == nil {
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

// Apply brings the running router to the plan's configuration: checked first, then BIRD itself finds what
// differs and restarts no session that does not.
func (r *Router) Apply(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	if _, err := r.Stage(ctx, configPath, config, "bird", "-p", "-c"); err != nil {
		return err
	}
	if err := r.Commit(ctx, configPath); err != nil {
		return err
	}
	out, err := r.birdc(ctx, "configure")
	if err != nil {
		return fmt.Errorf("configuration of %s: %w", r.Name(), err)
	}
	if !bytes.Contains(out, []byte("Reconfigur")) { // -ed, or -ation in progress
		return fmt.Errorf("configuration of %s: BIRD has not taken it: %s", r.Name(), bytes.TrimSpace(out))
	}
	return r.Ready(ctx)
}
