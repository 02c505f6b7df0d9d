package watch

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/wait"
)

// retryAfter is the pause before a new try of a broken source.
const retryAfter = 200 * time.Millisecond

// watchEngine reports containers that start, die or are paused, and wakes the followers of started containers.
func (w *Watch) watchEngine(ctx context.Context, places []place, starts map[string]chan struct{}, ready func()) error {
	byContainer := make(map[string]place, len(places))
	for _, p := range places {
		byContainer[p.container] = p
	}
	broken := false
	for {
		filters := make(client.Filters).Add("type", "container").Add("event", "start", "die", "pause", "unpause", "oom")
		stream := w.engine.Client.Events(ctx, client.EventsListOptions{Filters: filters})
		ready() // Events returns when the engine has answered
		if broken {
			w.add(timeline.New(timeline.LaneAgent, "engine", "source-back", "the engine's events are listened to again; those between were missed", nil))
			for _, started := range starts { // some may have started meanwhile
				signal(started)
			}
		}
		err := w.engineStream(ctx, stream, byContainer, starts)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !broken {
			w.missing("engine", fmt.Errorf("the engine's events broke off: %w; trying again", err))
		}
		broken = true
		if !pause(ctx) {
			return ctx.Err()
		}
	}
}

func (w *Watch) engineStream(ctx context.Context, stream client.EventsResult, places map[string]place, starts map[string]chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-stream.Err:
			return err
		case m := <-stream.Messages:
			p, ours := places[m.Actor.Attributes["name"]]
			if !ours {
				continue
			}
			w.add(w.containerEvent(p, m))
			if m.Action == events.ActionStart {
				signal(starts[p.container])
			}
		}
	}
}

// signal wakes a follower; several signals before the next look count as one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// containerEvent is the event at the engine's own time. A death seen by the end of the process keeps the time of this
// end, because the engine notices a death tens of milliseconds later.
func (w *Watch) containerEvent(p place, m events.Message) timeline.Event {
	wall := time.Unix(0, m.TimeNano)
	e := timeline.Event{
		At: timeline.AtWall(wall), Wall: wall, Lane: timeline.LaneNode, Subject: p.name, Kind: "container-" + string(m.Action),
		Fields: map[string]string{"container": p.container},
	}
	switch m.Action {
	case events.ActionStart:
		e.Text = "container started"
	case events.ActionDie:
		e.Text = "container ended" + exitText(m.Actor.Attributes["exitCode"])
		e.Fields["exitCode"] = m.Actor.Attributes["exitCode"]
		w.mu.Lock()
		at, seen := w.gone[p.container]
		delete(w.gone, p.container)
		w.mu.Unlock()
		if seen && at < e.At {
			e.Fields["engineAfter"] = time.Duration(e.At - at).String()
			e.At, e.Wall = at, timeline.WallAt(at)
		}
	case events.ActionPause:
		e.Text = "container paused: its processes stand still, its kernel side goes on"
	case events.ActionUnPause:
		e.Text = "container goes on"
	case events.ActionOOM:
		e.Text = "out of memory"
	}
	if p.kind == node.KindGateway {
		e.Lane = timeline.LaneAgent // a daemon beside a router
	}
	return e
}

// exitText describes an exit code; 137 and 143 are the shell's codes for signals 9 and 15.
func exitText(code string) string {
	n, err := strconv.Atoi(code)
	switch {
	case err != nil:
		return ""
	case n == 137:
		return ", killed (SIGKILL)"
	case n == 143:
		return ", told to end (SIGTERM)"
	}
	return fmt.Sprintf(" with exit code %d", n)
}

// learn records the container's addresses.
func (w *Watch) learn(p place, seen client.ContainerInspectResult) {
	if seen.Container.NetworkSettings == nil {
		return
	}
	var addrs []netip.Addr
	var macs []string
	for _, at := range seen.Container.NetworkSettings.Networks {
		if at == nil {
			continue
		}
		for _, a := range []netip.Addr{at.IPAddress, at.GlobalIPv6Address} {
			if a.IsValid() {
				addrs = append(addrs, a)
			}
		}
		if m := at.MacAddress.String(); m != "" {
			macs = append(macs, m)
		}
	}
	w.names.learn(p.name, addrs, macs)
}

// pause waits for retryAfter. pause reports whether ctx goes on.
func pause(ctx context.Context) bool { return wait.Sleep(ctx, retryAfter) == nil }
