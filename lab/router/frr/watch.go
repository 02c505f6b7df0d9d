package frr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
)

// stationPrefix begins the names of our stations in a router's configuration. A configuration may hold a station from
// the start:
//
//	bmp targets skidpad
//	 bmp monitor ipv4 unicast post-policy
//	 bmp connect 127.0.0.1 port 11019 min-retry 100 max-retry 500
const stationPrefix = "skidpad"

// Stations finds our stations in bgpd's configuration. The router's bgpd runs with its BMP module (bgpd -M bmp).
func (r *Router) Stations(ctx context.Context) (map[int]bool, error) {
	config, err := r.bgpdConfig(ctx)
	if err != nil {
		return nil, err
	}
	return parseStations(config)
}

func (r *Router) bgpdConfig(ctx context.Context) ([]byte, error) {
	out, err := r.Exec(ctx, "vtysh", "-d", "bgpd", "-c", "show running-config")
	if err != nil {
		return nil, fmt.Errorf("configuration of %s: %w", r.Name(), err)
	}
	return out, nil
}

var (
	bmpTargets = regexp.MustCompile(`^ *bmp targets (\S+)`)
	bmpConnect = regexp.MustCompile(`^ *bmp connect 127\.0\.0\.1 port (\d+)`)
)

// parseStations finds the ports of our stations in bgpd's configuration. The port in a station's name marks a station
// added at run time: the value is true.
func parseStations(config []byte) (map[int]bool, error) {
	if !bytes.Contains(config, []byte("\nrouter bgp ")) {
		return nil, errors.New("bgpd has no `router bgp` yet; is it being started?")
	}
	ports := map[int]bool{}
	name := ""
	for line := range bytes.Lines(config) {
		if m := bmpTargets.FindSubmatch(line); m != nil {
			name = string(m[1])
		}
		m := bmpConnect.FindSubmatch(line)
		if m == nil || !strings.HasPrefix(name, stationPrefix) {
			continue
		}
		if port, err := strconv.Atoi(string(m[1])); err == nil {
			ports[port] = name == stationName(port)
		}
	}
	return ports, nil
}

func stationName(port int) string { return fmt.Sprintf("%s-%d", stationPrefix, port) }

// AddStation changes only the running configuration.
func (r *Router) AddStation(ctx context.Context, port int) error {
	config, err := r.bgpdConfig(ctx)
	if err != nil {
		return err
	}
	view := viewOf(config, r.Plan.BGP)
	return r.configure(ctx,
		"bmp targets "+stationName(port),
		"bmp monitor ipv4 unicast "+view,
		"bmp monitor ipv6 unicast "+view,
		fmt.Sprintf("bmp connect 127.0.0.1 port %d min-retry 100 max-retry 500", port))
}

// viewOf returns the view for a station: the routes from peers before policy, if bgpd keeps the routes before policy of
// all peers. Otherwise the view is the routes after policy (speaker.update in lab/watch has the drawbacks).
//
// A watch does not turn "soft-reconfiguration inbound" on. bgpd would then ignore the withdrawal of a route received
// before the change, and another FRR does not send its routes again on request. A watched router would behave unlike a
// router without a watch.
func viewOf(config []byte, s *plan.Speaker) string {
	kept := bytes.Count(config, []byte(" soft-reconfiguration inbound\n"))
	if s != nil && kept >= len(s.Neighbors)+len(s.Ranges) {
		return "pre-policy"
	}
	return "post-policy"
}

// RemoveStation changes only the running configuration.
func (r *Router) RemoveStation(ctx context.Context, port int) error {
	return r.configure(ctx, "no bmp targets "+stationName(port))
}

// configure changes only the running configuration: a restart undoes the change.
func (r *Router) configure(ctx context.Context, commands ...string) error {
	instance, err := r.instance()
	if err != nil {
		return err
	}
	cmd := []string{"vtysh", "-d", "bgpd", "-c", "configure terminal", "-c", instance}
	for _, c := range commands {
		cmd = append(cmd, "-c", c)
	}
	if out, err := r.Exec(ctx, cmd...); err != nil {
		return fmt.Errorf("configuration of %s: %w: %s", r.Name(), err, bytes.TrimSpace(out))
	}
	return nil
}
