// Package probe sends packets from a node and tells what became of them. The packets are sent by a
// small static program in the node (fixtures/probe, at Program); this package starts it and reads what
// it wrote.
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

// Program is where a node has the prober.
const Program = "/usr/local/bin/skidpad-probe"

// grace is what starting a command in a node may take on a busy machine, besides what the command does.
const grace = 15 * time.Second

// Shots asks for single attempts, each on a connection or socket of its own.
type Shots struct {
	Proto   record.Proto // udp, tcp or http
	Targets []netip.AddrPort
	Timeout time.Duration // of each attempt; default 1 s
	Times   int           // attempts per target, one after the other, up to the first that fails; default 1
}

// Once makes attempts at all targets at the same time, each from a source port of its own that was not used lately, and returns them in the order of the targets. An
// attempt that failed is a Shot with its error; an error is that the node could not be made to try.
func Once(ctx context.Context, n node.Node, s Shots) ([]record.Shot, error) {
	if len(s.Targets) == 0 {
		return nil, nil
	}
	timeout, times := orDefault(s.Timeout, time.Second), max(s.Times, 1)
	cmd := []string{Program, "once", "--proto", string(s.Proto), "--timeout", timeout.String(), "--times", strconv.Itoa(times),
		"--from-port", strconv.Itoa(turn.take(len(s.Targets) * times))}
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

// Flow asks for attempts at a fixed rate.
type Flow struct {
	Proto    record.Proto
	Targets  []netip.AddrPort // each is a flow of its own in the recording
	Rate     float64          // attempts a second and target, 1 to 1000
	Duration time.Duration    // how long to send
	Timeout  time.Duration    // after which an attempt counts as lost; default 500 ms
	// Live, if there is one, gets the recording's lines as they come, where the node can give them; never two at once.
	Live func(record.Line)
}

// Run sends a flow and returns its recording. When ctx ends early, or the node dies, what was recorded
// until then comes with the error; that recording has no end, so loss calls it unknown.
func Run(ctx context.Context, n node.Node, f Flow) (*record.Recording, error) {
	if len(f.Targets) == 0 {
		return nil, errors.New("probe: no target to send to")
	}
	return execute(ctx, n, f, f.command())
}

func (f Flow) timeout() time.Duration { return orDefault(f.Timeout, 500*time.Millisecond) }

// command is the prober's command line.
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
