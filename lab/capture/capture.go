// Package capture records packets on a lab's bridges and router links, from the host. During a check, bounded
// memory holds the last seconds: written as pcapng if the check fails, dropped if the check passes. A manual
// capture writes packets directly to a file.
package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// Options configures a capture. The zero value suits a check.
type Options struct {
	Last    time.Duration // the time held; default 30 s
	Memory  int           // bytes held of all sources together; default 128 MiB; the oldest packets go first
	SnapLen int           // bytes kept of a packet; default 512, enough to hold most BGP messages whole
	Filter  Filter        // nil: everything
}

func (o Options) withDefaults() Options {
	if o.Last <= 0 {
		o.Last = 30 * time.Second
	}
	if o.Memory <= 0 {
		o.Memory = 128 << 20
	}
	if o.SnapLen <= 0 {
		o.SnapLen = 512
	}
	return o
}

// ErrNotPermitted is wrapped by Start's error if this process may not open packet sockets.
var ErrNotPermitted = errors.New("packet sockets need CAP_NET_RAW")

// Capture holds the last seconds of every bridge of a lab and of every link of its routers.
type Capture struct {
	dir string
	held
}

// held are the packets of a capture: of this process, or of the agent.
type held interface {
	keep(dir, reason string) ([]string, error)
	discard() error
}

// Start captures on all bridges of the lab and on all links of its routers until Keep or Discard is called;
// the caller must call one of the two. Start returns when every socket listens; the capture sees all packets
// from then on. A router that does not run is captured as soon as the router has a link. Nothing is written
// before Keep, which writes to dir.
func Start(ctx context.Context, e *docker.Engine, p *plan.Plan, dir string, o Options) (*Capture, error) {
	o = o.withDefaults()
	far, err := agent.Of(ctx, e, p.Lab)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	var h held
	if far != nil {
		h, err = startFar(ctx, far, o)
	} else {
		h, err = startRings(ctx, e, p, o)
	}
	if err != nil {
		return nil, err
	}
	return &Capture{dir, h}, nil
}

// Keep ends the capture and writes a file per source with packets: fabric.pcapng, r1-fabric.pcapng. Each file
// holds the reason as its comment. Keep returns the files' paths, also with an error.
func (c *Capture) Keep(reason string) ([]string, error) { return c.KeepIn(c.dir, reason) }

// KeepIn is Keep for a folder not known when the capture began.
func (c *Capture) KeepIn(dir, reason string) ([]string, error) { return c.keep(dir, reason) }

// Discard ends the capture and drops the packets.
func (c *Capture) Discard() error { return c.discard() }
