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
	return startHere(ctx, e, p, kube, sink, more)
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
