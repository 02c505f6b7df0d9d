package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// rings holds packets in the memory of this process.
type rings struct {
	last time.Duration
	tap  *tap
	of   map[string]*ring // by source
}

func startRings(ctx context.Context, e *docker.Engine, p *plan.Plan, o Options) (held, error) {
	sources := everything(p)
	r := &rings{last: o.Last, of: map[string]*ring{}}
	share := o.Memory / max(1, len(sources))
	for _, s := range sources {
		r.of[s.name] = newRing(o.Last, share)
	}
	var err error
	r.tap, err = openTap(ctx, e, p, sources, o, func(source string, pk packet) { r.of[source].add(pk) })
	return r, err
}

func (r *rings) keep(dir, reason string) ([]string, error) {
	now := time.Now()
	err := r.tap.close()
	if mk := os.MkdirAll(dir, 0o755); mk != nil {
		return nil, errors.Join(err, fmt.Errorf("captures: %w", mk))
	}
	var files []string
	for _, s := range r.tap.sources {
		packets := r.of[s.name].since(now.Add(-r.last))
		if len(packets) == 0 {
			continue
		}
		path := filepath.Join(dir, s.name+".pcapng")
		if e := writeFile(path, s, r.tap.snapLen, reason, packets, r.tap.stats()[s.name]); e != nil {
			err = errors.Join(err, e)
			continue
		}
		files = append(files, path)
	}
	return files, err
}

func (r *rings) discard() error { return r.tap.close() }

// headers is enough of a packet to read source and destination, also within a tunnel with options.
const headers = 256

// listenHere is Listen by this process.
func listenHere(ctx context.Context, e *docker.Engine, p *plan.Plan, sources []source, see func(frame []byte), do func() error) error {
	t, err := openTap(ctx, e, p, sources, Options{SnapLen: headers}, func(_ string, pk packet) { see(pk.data) })
	if err != nil {
		return err
	}
	err = errors.Join(do(), t.close())
	for name, n := range t.stats() {
		if n.dropped > 0 {
			err = errors.Join(err, fmt.Errorf("capture on %s: %d packets were missed", name, n.dropped))
		}
	}
	return err
}

// recordHere is Record by this process.
func recordHere(ctx context.Context, e *docker.Engine, p *plan.Plan, sources []source, o Options, w io.Writer, ready func()) ([]Counted, error) {
	f, err := newFile(w, sources, o.SnapLen, "skidpad capture of lab "+p.Lab)
	if err != nil {
		return nil, fmt.Errorf("capture: writing: %w", err)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	c := counter{by: map[string]*Counted{}}
	t, err := openTap(ctx, e, p, sources, o, func(source string, pk packet) {
		c.add(source, pk)
		if err := f.write(source, pk); err != nil {
			fail(fmt.Errorf("capture: writing: %w", err))
		}
	})
	if err != nil {
		return nil, err
	}
	if ready != nil {
		ready()
	}
	flushed(ctx, f)
	err = t.close()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = errors.Join(err, cause)
	}
	stats := t.stats()
	return c.all(sources, stats), errors.Join(err, f.end(stats))
}

// flushed flushes the file regularly until ctx ends, so a reader at the other end of a pipe stays up to date.
func flushed(ctx context.Context, f *file) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = f.flush() // the next write fails as well, and reports the error
		}
	}
}

// counter counts packets by source.
type counter struct {
	mu sync.Mutex
	by map[string]*Counted
}

func (c *counter) add(source string, p packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.by[source]
	if n == nil {
		n = &Counted{Source: source}
		c.by[source] = n
	}
	n.Packets++
	n.Bytes += uint64(p.length)
}

func (c *counter) all(sources []source, stats map[string]counts) []Counted {
	var all []Counted
	for _, s := range sources {
		n := Counted{Source: s.name}
		if seen := c.by[s.name]; seen != nil {
			n = *seen
		}
		n.Dropped = stats[s.name].dropped
		all = append(all, n)
	}
	return all
}
