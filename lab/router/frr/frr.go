// Package frr runs FRRouting as a router: the configuration comes from the plan, the state from FRR's JSON.
package frr

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"regexp"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/internal/box"
)

const (
	configPath = "/etc/frr/frr.conf"
	startPath  = "/usr/local/lib/skidpad/frr.sh"
	reloadPath = "/usr/lib/frr/frr-reload.py"
)

//go:embed start.sh
var startScript []byte

// Router is FRR in a container.
type Router struct{ *box.Router }

// Render makes the configuration, frr.conf, from the plan.
func (r *Router) Render() (string, error) { return Render(r.Plan) }

// Start makes the router run, unless the router runs, and waits until bgpd has the configuration. Start does not wait
// for peers.
func (r *Router) Start(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	return r.Run(ctx, box.Software{
		Command: []string{"/bin/sh", startPath},
		// FRR's daemons keep these capabilities when they leave root: zebra installs routes and bgpd binds to devices.
		CapAdd: []string{"NET_ADMIN", "NET_RAW", "SYS_ADMIN"},
		Config: config,
		Files: []docker.File{
			{Path: startPath, Mode: 0o755, Data: startScript},
			{Path: configPath, Mode: 0o640, Data: []byte(config)},
			{Path: "/etc/frr/daemons", Mode: 0o640, Data: []byte(daemonsFile(r.Plan))},
			{Path: "/etc/frr/vtysh.conf", Mode: 0o640, Data: []byte(vtyshFile)},
		},
	})
}

// answers returns an error unless bgpd answers vtysh with the plan's router ID and peers.
func (r *Router) answers(ctx context.Context) error {
	out, err := r.vtysh(ctx, "show bgp vrfs json")
	if err != nil || r.Plan.BGP == nil && !r.nativeBGP() {
		return err
	}
	id, peers, err := parseInstance(out)
	if err != nil {
		return err
	}
	if r.Plan.BGP == nil {
		if !id.IsValid() {
			return errors.New("no `router bgp` of the native configuration")
		}
		return nil
	}
	if want := r.Plan.BGP; id != want.RouterID || peers < len(want.Neighbors) {
		return fmt.Errorf("router ID %v, %d configured peers; wanted %v, %d", id, peers, want.RouterID, len(want.Neighbors))
	}
	return nil
}

// nativeBGP reports whether the native configuration has a BGP instance.
func (r *Router) nativeBGP() bool {
	config, err := r.Render()
	return err == nil && r.Plan.Native.Configures() && routerBGP.MatchString(config)
}

// instance returns the command that enters the BGP instance.
func (r *Router) instance() (string, error) {
	if r.Plan.BGP != nil {
		return fmt.Sprintf("router bgp %d", r.Plan.BGP.ASN), nil
	}
	config, err := r.Render()
	if m := routerBGP.FindString(config); err == nil && m != "" {
		return m, nil
	}
	return "", errors.Join(err, fmt.Errorf("router %s: its configuration has no `router bgp`", r.Name()))
}

var routerBGP = regexp.MustCompile(`(?m)^router bgp (\d+)`)

func (r *Router) vtysh(ctx context.Context, command string) ([]byte, error) {
	return r.Exec(ctx, "vtysh", "-c", command)
}

// Sessions returns the BGP sessions, by peer. A peer of a range is in the list only while the peer's session lives.
func (r *Router) Sessions(ctx context.Context) ([]bgp.Session, error) {
	out, err := r.vtysh(ctx, "show bgp neighbors json")
	if err != nil {
		return nil, fmt.Errorf("sessions of %s: %w", r.Name(), err)
	}
	return parseNeighbors(r.Name(), out, r.peerAt)
}

// Routes returns the RIB: the unicast routes that BGP learned, by prefix.
func (r *Router) Routes(ctx context.Context) ([]bgp.Route, error) {
	var all []bgp.Route
	for _, family := range r.families() {
		out, err := r.vtysh(ctx, "show bgp "+family+" unicast json")
		if err != nil {
			return nil, fmt.Errorf("routes of %s: %w", r.Name(), err)
		}
		routes, err := parseRIB(out, r.peerAt)
		if err != nil {
			return nil, err
		}
		all = append(all, routes...)
	}
	bgp.SortRoutes(all)
	return all, nil
}

// Adjacencies returns the OSPF neighbours.
func (r *Router) Adjacencies(ctx context.Context) ([]router.Adjacency, error) {
	var all []router.Adjacency
	for _, d := range furtherDaemons(r.Plan) {
		v6 := d == "ospf6d"
		if !v6 && d != "ospfd" {
			continue
		}
		command := map[bool]string{false: "show ip ospf neighbor json", true: "show ipv6 ospf6 neighbor json"}[v6]
		out, err := r.vtysh(ctx, command)
		if err != nil {
			return nil, fmt.Errorf("OSPF neighbours of %s: %w", r.Name(), err)
		}
		parse := parseOSPF
		if v6 {
			parse = parseOSPF6
		}
		found, err := parse(out)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// peerAt returns the address of a peer in FRR's output: an address, or the interface of an unnumbered session.
func (r *Router) peerAt(name string) (netip.Addr, error) {
	if r.Plan.BGP != nil {
		for _, n := range r.Plan.BGP.Neighbors {
			if n.Interface == name && name != "" {
				return n.Address, nil
			}
		}
	}
	return netip.ParseAddr(name)
}

// Detail returns the paths to a prefix. The table of all routes has no communities.
func (r *Router) Detail(ctx context.Context, to netip.Prefix) ([]bgp.Path, error) {
	family := "ipv4"
	if to.Addr().Is6() {
		family = "ipv6"
	}
	out, err := r.vtysh(ctx, fmt.Sprintf("show bgp %s unicast %s json", family, to))
	if err != nil {
		return nil, fmt.Errorf("paths of %s to %s: %w", r.Name(), to, err)
	}
	return parseDetail(to, out, r.peerAt)
}

// families returns the router's address families.
func (r *Router) families() []string {
	for _, a := range r.Plan.Networks {
		if a.Address6.IsValid() {
			return []string{"ipv4", "ipv6"}
		}
	}
	return []string{"ipv4"}
}

// Apply brings the running router to the plan's configuration. FRR checks the configuration first, and the daemons then
// get only the differences: untouched sessions stay. Apply restarts the router if a running FRR cannot make the change
// (the reload fails, or the image has no Python for the reload).
func (r *Router) Apply(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	next, err := r.Stage(ctx, configPath, config, "vtysh", "-C", "-f")
	if err != nil {
		return err
	}
	_, failed := r.Exec(ctx, "python3", reloadPath, "--reload", next)
	if exit := (*node.ExitError)(nil); failed != nil && !errors.As(failed, &exit) {
		return fmt.Errorf("configuration of %s: %w", r.Name(), failed)
	}
	if err := r.Commit(ctx, configPath); err != nil {
		return err
	}
	if failed != nil {
		return r.Restart(ctx)
	}
	return r.Ready(ctx)
}
