// Package watch records the events of a lab: BGP speakers by BMP, kernels by netlink, and VRRP by addresses and
// keepalived's notifications. Kubernetes is recorded by API watches, ARP by capture, daemons by the ends of processes,
// and containers by the engine's events. The events go to a timeline. Each event has the host's monotonic clock at
// receipt.
package watch

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

// readyWithin bounds Start's wait for a source: many times the time of the slowest source, a router that connects to
// the watch (under a second).
const readyWithin = 20 * time.Second

// Watch is a running watch of a lab.
type Watch struct {
	engine *docker.Engine
	plan   *plan.Plan
	sink   timeline.Sink
	names  *names
	cancel context.CancelFunc
	ended  context.Context // ended by cancel
	far    *far            // set if the lab's agent listens in this process's place

	sources  sync.WaitGroup
	stations *stations // the changed configuration of routers, to be restored

	mu      sync.Mutex
	waiting map[string]chan struct{} // sources that do not listen yet, by name
	pids    map[string]int           // the first process of each running container, by the container's name
	gone    map[string]int64         // the end of a container's first process, by the container's name
}

// place is a watched container.
type place struct {
	name      string
	kind      node.Kind
	container string
	router    *plan.Router  // of a router
	gateway   *plan.Gateway // of a gateway's member
}

// Source is a further source. Follow calls ready once no event can be missed any more, and returns when ctx ends.
type Source struct {
	Name   string
	Follow func(ctx context.Context, ready func()) error
}

// Start watches a lab, and the sources in more, until Stop, or until ctx ends. Start returns when every source listens.
// A source that does not listen within 20 s is an event of lane agent and kind source-missing, with the reason. kube may
// be nil. An error means that ctx ended before; then no source listens.
func Start(ctx context.Context, e *docker.Engine, p *plan.Plan, kube *cluster.Kube, sink timeline.Sink, more ...Source) (*Watch, error) {
	if far, err := agent.Of(ctx, e, p.Lab); err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	} else if far != nil {
		return startFar(ctx, far, p, sink)
	}
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

// Stop ends the watch and restores the routers' configuration. A second Stop is harmless. The error lists the routers
// without restoration. An unrestored router tries to connect to the router's own loopback twice a second, without other
// harm.
func (w *Watch) Stop(ctx context.Context) error {
	w.cancel()
	if w.far != nil {
		return w.far.stop(ctx)
	}
	ended := make(chan struct{})
	go func() {
		w.sources.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		return fmt.Errorf("watch of lab %s: its sources have not ended: %w", w.plan.Lab, context.Cause(ctx))
	}
	return w.stations.takeBack(ctx)
}

// places lists all containers to watch.
func (w *Watch) places() []place {
	var all []place
	for _, x := range w.plan.Places().Of(node.KindCluster, node.KindRouter, node.KindGateway, node.KindClient, node.KindContainer) {
		all = append(all, place{name: x.Name, kind: x.Kind, container: x.Container, router: x.Router, gateway: x.Gateway})
	}
	return all
}

// gatewayOf returns the gateway of the address, and the gateway's network.
func (w *Watch) gatewayOf(a netip.Addr) (gateway, network string, ok bool) {
	for _, g := range w.plan.Gateways {
		for _, at := range g.Addresses {
			if at.Address == a {
				return g.Name, at.Network, true
			}
		}
	}
	return "", "", false
}

func (w *Watch) add(events ...timeline.Event) {
	for _, e := range events {
		w.sink.Add(e)
	}
}

func (w *Watch) stopping() bool { return w.ended.Err() != nil }

// who formats the address with the owner's name.
func (w *Watch) who(a netip.Addr) string {
	if name := w.names.addr(a); name != a.String() {
		return fmt.Sprintf("%s (%s)", a, name)
	}
	return a.String()
}

func (w *Watch) whoMAC(mac string) string {
	if name := w.names.mac(mac); name != "" {
		return fmt.Sprintf("%s (%s)", mac, name)
	}
	return mac
}

// source runs f; f calls ready once f listens. If f ends before the watch, the end is an event.
func (w *Watch) source(name string, f func(ctx context.Context, ready func()) error) {
	ready := w.expect(name)
	w.sources.Go(func() {
		err := f(w.ended, ready)
		w.missing(name, err)
		ready()
	})
}

// expect makes Start wait for a source until the returned function is called.
func (w *Watch) expect(name string) (ready func()) {
	ch := make(chan struct{})
	w.mu.Lock()
	w.waiting[name] = ch
	w.mu.Unlock()
	return sync.OnceFunc(func() { close(ch) })
}

// missing adds an event for a source that does not listen, unless the whole watch is ending.
func (w *Watch) missing(name string, err error) {
	if w.stopping() {
		return
	}
	if err == nil {
		err = errors.New("lab bug: it ended without a reason")
	}
	w.add(timeline.New(timeline.LaneAgent, name, "source-missing", "not watched: "+err.Error(), map[string]string{"error": err.Error()}))
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
