// Package bird runs BIRD 2 as a router: the configuration comes from the plan, the state from birdc's output.
package bird

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/router"
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

// Render makes the configuration, bird.conf, from the plan.
func (r *Router) Render() (string, error) { return Render(r.Plan) }

// Start makes the router run, unless the router runs, and waits until BIRD has the configuration. Start does not wait
// for peers.
func (r *Router) Start(ctx context.Context) error {
	config, err := r.Render()
	if err != nil {
		return err
	}
	files := []docker.File{
		{Path: startPath, Mode: 0o755, Data: startScript},
		{Path: configPath, Mode: 0o640, Data: []byte(config)},
	}
	if r.Plan.BGP != nil && r.Plan.BGP.Table != nil {
		files = append(files, docker.File{Path: tablePath, Mode: 0o644, Data: table(r.Plan.BGP.Table)})
	}
	return r.Run(ctx, box.Software{Command: []string{"/bin/bash", startPath}, CapAdd: []string{"NET_ADMIN", "NET_RAW"}, Config: config, Files: files})
}

// answers returns an error unless BIRD has the plan's router ID and peers.
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
		if _, ok := protocols[protocolName(n)]; !ok {
			return fmt.Errorf("no protocol %s", protocolName(n))
		}
	}
	return nil
}

// eachCommand runs each argument in turn. Arguments hold names of protocols from BIRD's output; a shell never reads the
// names.
const eachCommand = `for c; do birdc "$c" || exit; done`

// birdc runs several commands in turn.
func (r *Router) birdc(ctx context.Context, commands ...string) ([]byte, error) {
	out, err := r.Exec(ctx, append([]string{"sh", "-c", eachCommand, "birdc"}, commands...)...)
	if err != nil {
		return out, fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return out, nil
}

// Sessions returns the BGP sessions, by peer. A peer of a range is in the list only while the peer's session lives.
func (r *Router) Sessions(ctx context.Context) ([]bgp.Session, error) {
	commands := []string{"show status", "show protocols all"}
	if hasBFD(r.Plan) && !r.Plan.Native.IsWhole() {
		commands = append(commands, "show bfd sessions") // an error without a BFD protocol
	}
	out, err := r.birdc(ctx, commands...)
	if err != nil {
		return nil, fmt.Errorf("sessions of %s: %w", r.Name(), err)
	}
	return parseSessions(r.Name(), out)
}

// Routes returns the RIB: the unicast routes that BGP learned, by prefix.
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
	var exported []string
	for _, f := range families(r.Plan) {
		exported = append(exported, "show route export "+f.FIB())
	}
	used, err := r.birdc(ctx, exported...)
	if err != nil {
		return nil, fmt.Errorf("routes of %s: %w", r.Name(), err)
	}
	return parseRIB(parseProtocols(protocols), paths, used)
}

// Adjacencies returns the OSPF neighbours.
func (r *Router) Adjacencies(ctx context.Context) ([]router.Adjacency, error) {
	var all []router.Adjacency
	for _, f := range families(r.Plan) {
		out, err := r.birdc(ctx, "show ospf neighbors ospf"+f.Digit())
		if err != nil {
			return nil, fmt.Errorf("OSPF neighbours of %s: %w", r.Name(), err)
		}
		all = append(all, parseOSPF(out, f.V6)...)
	}
	return all, nil
}

// Apply brings the running router to the plan's configuration. BIRD checks the configuration first, then finds the
// differences itself. BIRD restarts no session without a difference.
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
	if !bytes.Contains(out, []byte("Reconfigur")) { // "Reconfigured" or "Reconfiguration in progress"
		return fmt.Errorf("configuration of %s: BIRD has not taken it: %s", r.Name(), bytes.TrimSpace(out))
	}
	return r.Ready(ctx)
}
