// Package gobgp runs GoBGP as a router: the configuration comes from the plan, the state from GoBGP's JSON. GoBGP is
// only a BGP speaker. FRR's zebra runs beside GoBGP and writes GoBGP's routes into the kernel's table, as in GoBGP's
// documentation (docs/sources/zebra.md).
package gobgp

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/box"
	"skidpad.dev/skidpad/lab/scenario"
)

const (
	configPath = "/etc/gobgp/gobgpd.yaml"
	startPath  = "/usr/local/lib/skidpad/gobgp.sh"
	zebraPath  = "/etc/gobgp/zebra.conf"
)

//go:embed start.sh
var startScript []byte

// Router is GoBGP in a container.
type Router struct{ *box.Router }

// Render makes the configuration, gobgpd.yaml, from the plan.
func (r *Router) Render() (string, error) { return Render(r.Plan) }

// Start makes the router run, unless the router runs, and waits until gobgpd has the configuration. Start does not wait
// for peers.
func (r *Router) Start(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	command := []string{"/bin/sh", "-c", "trap 'exit 0' TERM INT; sleep infinity & wait"} // only forwards
	if r.Plan.Speaks() {
		paths := scenario.DefaultMaximumPaths
		if r.Plan.BGP != nil {
			paths = r.Plan.BGP.MaximumPaths
		}
		command = []string{"/bin/bash", startPath, fmt.Sprint(paths), formOf(r.Plan)}
	}
	return r.Run(ctx, box.Software{
		Command: command,
		// zebra keeps these capabilities when zebra leaves root.
		CapAdd: []string{"NET_ADMIN", "NET_RAW", "SYS_ADMIN"},
		Config: config,
		Files: []docker.File{
			{Path: startPath, Mode: 0o755, Data: startScript},
			{Path: configPath, Mode: 0o640, Data: []byte(config)},
			{Path: zebraPath, Mode: 0o644, Data: []byte(zebraConfig(r.Plan))},
		},
	})
}

// zebraConfig makes zebra advertise the router on the links of unnumbered sessions (RFC 4861): FRR finds its peer by the
// advertisements.
func zebraConfig(r plan.Router) string {
	text := "!\n"
	if r.BGP != nil {
		for _, n := range r.BGP.Neighbors {
			if n.Interface != "" {
				text += "interface " + n.Interface + "\n no ipv6 nd suppress-ra\n ipv6 nd ra-interval 1\n ipv6 nd ra-lifetime 0\nexit\n!\n"
			}
		}
	}
	return text
}

// answers returns an error unless gobgpd has the plan's peers.
func (r *Router) answers(ctx context.Context) error {
	if !r.Plan.Speaks() {
		return nil
	}
	sessions, err := r.Sessions(ctx)
	if err != nil || r.Plan.BGP == nil {
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

// Sessions returns the BGP sessions, by peer. A peer of a range is in the list only while the peer's session lives.
func (r *Router) Sessions(ctx context.Context) ([]bgp.Session, error) {
	out, err := r.gobgp(ctx, "neighbor")
	if err != nil {
		return nil, fmt.Errorf("sessions of %s: %w", r.Name(), err)
	}
	return parseNeighbors(r.Name(), out, time.Now())
}

// Routes returns the RIB: the unicast routes that BGP learned, by prefix.
func (r *Router) Routes(ctx context.Context) ([]bgp.Route, error) {
	var all []bgp.Route
	for _, family := range []string{"ipv4", "ipv6"} {
		out, err := r.gobgp(ctx, "global", "rib", "-a", family)
		if err != nil {
			return nil, fmt.Errorf("routes of %s: %w", r.Name(), err)
		}
		routes, err := parseRIB(out)
		if err != nil {
			return nil, err
		}
		all = append(all, routes...)
	}
	return all, nil
}

// Apply brings the running router to the plan's configuration, after a check by gobgpd. A running gobgpd takes only
// some of the changes. Apply therefore restarts the router if anything differs.
func (r *Router) Apply(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	if have, err := r.Exec(ctx, "cat", configPath); err == nil && string(have) == config {
		return r.Ready(ctx)
	}
	if _, err := r.Stage(ctx, configPath, config, "gobgpd", "--dry-run", "-t", formOf(r.Plan), "-f"); err != nil {
		return err
	}
	if err := r.Commit(ctx, configPath); err != nil {
		return err
	}
	return r.Restart(ctx)
}
