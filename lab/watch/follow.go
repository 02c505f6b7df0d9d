//go:build linux

package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/timeline"
)

// inside is a source within a container's namespaces. The source starts again with the container.
type inside struct {
	name string
	run  func(ctx context.Context, pid int, again bool, ready func()) error
}

// sourcesIn lists the sources in a container.
func (w *Watch) sourcesIn(p place) []inside {
	kernel := inside{"kernel " + p.name, func(ctx context.Context, pid int, again bool, ready func()) error {
		return w.watchKernel(ctx, p, pid, again, ready)
	}}
	switch {
	case p.kind == node.KindGateway: // is in its router's namespace
		return []inside{{"vrrp " + p.name, func(ctx context.Context, pid int, again bool, ready func()) error {
			return w.watchNotify(ctx, p, pid, again, ready)
		}}}
	case p.router != nil && p.router.Speaks():
		return []inside{kernel, {"bgp " + p.name, func(ctx context.Context, pid int, _ bool, ready func()) error {
			return w.watchRouter(ctx, p, pid, ready)
		}}}
	}
	return []inside{kernel}
}

// watchRouter listens to a router by the method of the router's software.
func (w *Watch) watchRouter(ctx context.Context, p place, pid int, ready func()) error {
	r, err := router.New(w.engine, w.plan, *p.router, "")
	if err != nil {
		return err
	}
	switch by := r.(type) {
	case router.Exporter:
		return w.watchBGP(ctx, p, by, pid, ready)
	case router.Follower:
		return w.followRouter(ctx, p, by, pid, ready)
	}
	return fmt.Errorf("%s of router %s reports no events", p.router.Software, p.name)
}

// follow listens in a container while the container runs, and again after each restart.
func (w *Watch) follow(p place, started <-chan struct{}) {
	sources := w.sourcesIn(p)
	ready := make([]func(), len(sources))
	for i, s := range sources {
		ready[i] = w.expect(s.name)
	}
	w.sources.Go(func() {
		for again := false; ; again = true {
			select {
			case <-started: // the next round sees this start anyway
			default:
			}
			pid, err := w.firstProcess(p)
			if err == nil {
				err = w.attach(sources, ready, p, pid, again)
			}
			if w.stopping() {
				return
			}
			if err != nil {
				for i, s := range sources {
					w.missing(s.name, err)
					ready[i]()
				}
			}
			select {
			case <-started:
			case <-w.ended.Done():
				return
			}
		}
	})
}

// firstProcess returns the host's process number of the container's first process.
func (w *Watch) firstProcess(p place) (int, error) {
	ctx, cancel := context.WithTimeout(w.ended, 10*time.Second)
	defer cancel()
	seen, err := w.engine.Client.ContainerInspect(ctx, p.container, client.ContainerInspectOptions{})
	if err != nil {
		return 0, fmt.Errorf("container %s: %w", p.container, err)
	}
	w.learn(p, seen)
	if s := seen.Container.State; s == nil || !s.Running || s.Pid == 0 {
		return 0, fmt.Errorf("container %s does not run; it is watched from when it is started", p.container)
	}
	pid := seen.Container.State.Pid
	w.mu.Lock()
	w.pids[p.container] = pid
	w.mu.Unlock()
	return pid, nil
}

// pidOf returns the known first process of a running container, or 0.
func (w *Watch) pidOf(container string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pids[container]
}

// attach runs the sources in a container until the container's first process ends, which is no error, or until the watch
// ends.
func (w *Watch) attach(sources []inside, ready []func(), p place, pid int, again bool) error {
	first, err := openProcess(pid)
	if err != nil {
		return fmt.Errorf("container %s: %w", p.container, err)
	}
	ctx, cancel := context.WithCancel(w.ended)
	var all sync.WaitGroup
	for i, s := range sources {
		all.Go(func() {
			defer ready[i]()
			if err := s.run(ctx, pid, again, ready[i]); ctx.Err() == nil {
				w.missing(s.name, err)
			}
		})
	}
	err = first.wait(w.ended)
	at := timeline.Now()
	cancel()
	if err == nil {
		w.mu.Lock()
		w.gone[p.container] = at
		delete(w.pids, p.container)
		w.mu.Unlock()
	}
	all.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
