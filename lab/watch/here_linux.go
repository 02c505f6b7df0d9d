package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

// startHere is Start by this process.
func startHere(ctx context.Context, e *docker.Engine, p *plan.Plan, kube *cluster.Kube, sink timeline.Sink, more []Source) (*Watch, error) {
	w := &Watch{engine: e, plan: p, sink: sink, names: newNames(p), stations: &stations{}, waiting: map[string]chan struct{}{}, gone: map[string]int64{}, pids: map[string]int{}}
	w.ended, w.cancel = context.WithCancel(ctx)
	places := w.places()
	starts := make(map[string]chan struct{}, len(places))
	for _, pl := range places {
		starts[pl.container] = make(chan struct{}, 1)
	}
	// The engine's events come first: a container that starts during the attachment of the others must be seen.
	w.source("engine", func(ctx context.Context, ready func()) error { return w.watchEngine(ctx, places, starts, ready) })
	for _, pl := range places {
		w.follow(pl, starts[pl.container])
	}
	for _, n := range p.Bridges() {
		w.source("arp "+n.Name, func(ctx context.Context, ready func()) error { return w.watchARP(ctx, n, ready) })
		if n.Subnet6.IsValid() {
			w.source("ndp "+n.Name, func(ctx context.Context, ready func()) error { return w.watchNDP(ctx, n, ready) })
		}
	}
	w.source("daemons", w.watchDaemons)
	for _, s := range more {
		w.source(s.Name, s.Follow)
	}
	if kube != nil {
		w.watchKubernetes(kube)
	}
	if err := w.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, w.Stop(context.WithoutCancel(ctx)))
	}
	return w, nil
}

// places lists all containers to watch.
func (w *Watch) places() []place {
	var all []place
	for _, x := range w.plan.Places().Of(node.KindCluster, node.KindRouter, node.KindGateway, node.KindClient, node.KindContainer) {
		all = append(all, place{name: x.Name, kind: x.Kind, container: x.Container, router: x.Router, gateway: x.Gateway})
	}
	return all
}

// awaitReady waits for all sources known by now, at most readyWithin.
func (w *Watch) awaitReady(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	w.mu.Lock()
	var sources []string
	for name := range w.waiting {
		sources = append(sources, name)
	}
	slices.Sort(sources)
	channels := w.waiting
	w.mu.Unlock()
	for _, name := range sources {
		select {
		case <-channels[name]:
			continue
		case <-limited.Done():
		}
		if ctx.Err() != nil {
			return fmt.Errorf("watch of lab %s: %s is not listening: %w", w.plan.Lab, name, context.Cause(ctx))
		}
		select {
		case <-channels[name]: // in time, although another source was late
		default:
			w.missing(name, fmt.Errorf("it was not listening after %s", readyWithin))
		}
	}
	return nil
}
