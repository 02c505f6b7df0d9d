// Package probe sends packets from a node and reports the results. A small static program in the node
// (fixtures/probe, at Program) sends the packets; this package starts the program and reads the program's
// output.
package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
)

// Program is the path of the prober in a node.
const Program = "/usr/local/bin/skidpad-probe"

// grace is the extra time to start a command in a node on a busy machine, besides the command's own time.
const grace = 15 * time.Second

// Shots requests single attempts, each on its own connection or socket.
type Shots struct {
	Proto   record.Proto // udp, tcp or http
	Targets []netip.AddrPort
	Timeout time.Duration // of each attempt; default 1 s
	Times   int           // attempts per target, one after the other, up to the first failure; default 1
	// Size is the payload of a datagram in bytes; default: a few bytes. With DontFragment no datagram is cut into fragments.
	Size         int
	DontFragment bool
}

// Once makes attempts at all targets at the same time, each from its own source port not used recently, and
// returns the attempts in the order of the targets. A failed attempt is a Shot with its error; Once returns an
// error only if the node could not make the attempts.
func Once(ctx context.Context, n node.Node, s Shots) ([]record.Shot, error) {
	if len(s.Targets) == 0 {
		return nil, nil
	}
	timeout, times := orDefault(s.Timeout, time.Second), max(s.Times, 1)
	cmd := []string{Program, "once", "--proto", string(s.Proto), "--timeout", timeout.String(), "--times", strconv.Itoa(times),
		"--from-port", strconv.Itoa(turn.take(len(s.Targets) * times))}
	if s.Size > 0 {
		cmd = append(cmd, "--size", strconv.Itoa(s.Size))
	}
	if s.DontFragment {
		cmd = append(cmd, "--dont-fragment")
	}
	for _, t := range s.Targets {
		cmd = append(cmd, t.String())
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(times)*timeout+grace)
	defer cancel()
	out, err := n.Exec(ctx, cmd...)
	if err != nil {
		return nil, fmt.Errorf("probe from %s: %w", n.Name(), err)
	}
	var shots []record.Shot
	if err := json.Unmarshal(out, &shots); err != nil {
		return nil, fmt.Errorf("probe from %s: %s wrote no list of attempts: %w", n.Name(), Program, err)
	}
	return shots, nil
}

// Flow requests attempts at a fixed rate.
type Flow struct {
	Proto    record.Proto
	Targets  []netip.AddrPort // each target is a separate flow in the recording
	Rate     float64          // attempts a second and target, 1 to 1000
	Duration time.Duration    // duration of the sending
	Timeout  time.Duration    // after which an attempt counts as lost; default 500 ms
	// Live, if set, receives the recording's lines as the lines arrive, if the node supports streaming; never two
	// calls at once.
	Live func(record.Line)
}

// Run sends a flow and returns the recording. If ctx ends early, or the node dies, Run returns the partial
// recording with the error; a partial recording has no end, so loss reports unknown.
func Run(ctx context.Context, n node.Node, f Flow) (*record.Recording, error) {
	if len(f.Targets) == 0 {
		return nil, errors.New("probe: no target to send to")
	}
	return execute(ctx, n, f, f.command())
}

func (f Flow) timeout() time.Duration { return orDefault(f.Timeout, 500*time.Millisecond) }

// command returns the prober's command line.
func (f Flow) command() []string {
	cmd := []string{Program, "run", "--proto", string(f.Proto), "--rate", strconv.FormatFloat(f.Rate, 'f', -1, 64),
		"--for", f.Duration.String(), "--timeout", f.timeout().String()}
	for _, t := range f.Targets {
		cmd = append(cmd, t.String())
	}
	return cmd
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}
