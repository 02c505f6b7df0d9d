// Package capture records packets on a lab's bridges and router links, from the host. During a check
// the last seconds are held in bounded memory: written as pcapng when the check fails, forgotten when
// it holds. By hand, packets go straight to a file.
package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// Options are what a capture may choose. The zero value is good for a check.
type Options struct {
	Last    time.Duration // how much is held; default 30 s
	Memory  int           // bytes held of all sources together; default 128 MiB; the oldest goes first
	SnapLen int           // bytes kept of a packet; default 512, which holds most BGP messages whole
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

// ErrNotPermitted is what an error of Start wraps where this process may not open packet sockets.
var ErrNotPermitted = errors.New("packet sockets need CAP_NET_RAW")

// Capture holds the last seconds of every bridge of a lab and of every link of its routers.
type Capture struct {
	dir   string
	last  time.Duration
	tap   *tap
	rings map[string]*ring // by source
}

// Start captures on all bridges of the lab and on all links of its routers until Keep or Discard is
// called, one of which must be. It returns when every socket listens; packets from then on are seen. A
// router that does not run is captured as soon as it has a link. Nothing is written before Keep, which
// writes to dir.
func Start(ctx context.Context, e *docker.Engine, p *plan.Plan, dir string, o Options) (*Capture, error) {
	o = o.withDefaults()
	sources := everything(p)
	c := &Capture{dir: dir, last: o.Last, rings: map[string]*ring{}}
	share := o.Memory / max(1, len(sources))
	for _, s := range sources {
		c.rings[s.name] = newRing(o.Last, share)
	}
	t, err := openTap(ctx, e, p, sources, o, func(source string, pk packet) { c.rings[source].add(pk) })
	if err != nil {
		return nil, err
	}
	c.tap = t
	return c, nil
}

// Keep ends the capture and writes a file per source that saw packets: fabric.pcapng, r1-fabric.pcapng.
// The reason stands in each file as its comment. It returns the files' paths, also with an error.
func (c *Capture) Keep(reason string) ([]string, error) { return c.KeepIn(c.dir, reason) }

// KeepIn is Keep for a folder that was not known when the capture began.
func (c *Capture) KeepIn(dir, reason string) ([]string, error) {
	now := time.Now()
	err := c.tap.close()
	if mk := os.MkdirAll(dir, 0o755); mk != nil {
		return nil, errors.Join(err, fmt.Errorf("captures: %w", mk))
	}
	var files []string
	for _, s := range c.tap.sources {
		packets := c.rings[s.name].since(now.Add(-c.last))
		if len(packets) == 0 {
			continue
		}
		path := filepath.Join(dir, s.name+".pcapng")
		if e := writeFile(path, s, c.tap.snapLen, reason, packets, c.tap.stats()[s.name]); e != nil {
			err = errors.Join(err, e)
			continue
		}
		files = append(files, path)
	}
	return files, err
}

// Discard ends the capture and forgets what it saw.
func (c *Capture) Discard() error { return c.tap.close() }
