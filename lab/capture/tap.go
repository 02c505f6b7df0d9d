//go:build linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/wait"
)

// tap reads the sockets of several sources, and opens new sockets for links that come back.
type tap struct {
	engine  *docker.Engine
	sources []source
	bridges map[int]bool // interface numbers
	filter  Filter
	snapLen int
	take    func(source string, p packet)

	cancel    context.CancelFunc
	following sync.WaitGroup // the goroutines that open sockets
	reading   sync.WaitGroup
	once      sync.Once

	mu      sync.Mutex
	sockets map[string]*socket // open ones, by source
	counted map[string]counts  // by source, the sum of all the source's sockets
	errs    []error
}

// relinkWithin limits the time to ask a node about its new link: the node may still be starting.
const relinkWithin = 10 * time.Second

// openTap returns when a socket listens on every requested bridge and every existing link.
func openTap(ctx context.Context, e *docker.Engine, p *plan.Plan, sources []source, o Options, take func(string, packet)) (*tap, error) {
	if len(sources) == 0 {
		return nil, fmt.Errorf("capture: lab %s has no network to capture on", p.Lab)
	}
	t := &tap{engine: e, sources: sources, bridges: map[int]bool{}, filter: o.Filter.clipped(o.SnapLen), snapLen: o.SnapLen, take: take,
		sockets: map[string]*socket{}, counted: map[string]counts{}}
	for _, s := range sources {
		index, err := bridgeIndex(s.network)
		if err != nil {
			return nil, err
		}
		t.bridges[index] = true
	}
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	t.cancel = cancel
	// Subscribe before the first look, so no new link is missed in between.
	updates := make(chan netlink.LinkUpdate, 64)
	if err := netlink.LinkSubscribe(updates, following.Done()); err != nil {
		cancel()
		return nil, fmt.Errorf("capture: watching the host's links: %w", err)
	}
	if err := t.openAll(ctx); err != nil {
		return nil, errors.Join(err, t.close())
	}
	t.following.Go(func() { t.follow(following, updates) })
	return t, nil
}

// openAll opens all sockets not yet open; missing links are left for later.
func (t *tap) openAll(ctx context.Context) error {
	for _, s := range t.sources {
		if err := t.open(ctx, s); err != nil && !errors.Is(err, errNoLink) {
			return err
		}
	}
	return nil
}

// open opens a source's socket unless already open.
func (t *tap) open(ctx context.Context, s source) error {
	t.mu.Lock()
	_, is := t.sockets[s.name]
	t.mu.Unlock()
	if is {
		return nil
	}
	index, err := t.indexOf(ctx, s)
	if err != nil {
		return err
	}
	sock, err := openSocket(index, t.filter)
	if err != nil {
		return fmt.Errorf("capture on %s: %w", s.text, err)
	}
	t.mu.Lock()
	t.sockets[s.name] = sock
	t.mu.Unlock()
	t.reading.Go(func() { t.read(s, sock) })
	return nil
}

func (t *tap) indexOf(ctx context.Context, s source) (int, error) {
	if s.node == "" {
		return bridgeIndex(s.network)
	}
	return linkIndex(ctx, t.engine, s)
}

func (t *tap) read(s source, sock *socket) {
	err := sock.read(func(p packet) {
		if s.takes(p.data) {
			t.take(s.name, p)
		}
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counted[s.name] = t.counted[s.name].plus(sock.stats())
	if t.sockets[s.name] == sock {
		delete(t.sockets, s.name)
	}
	sock.release()
	if err != nil && !errors.Is(err, errGone) {
		t.errs = append(t.errs, fmt.Errorf("capture on %s: %w", s.text, err))
	}
}

// follow opens sockets on new links of a bridge: the links of restarted routers.
func (t *tap) follow(ctx context.Context, updates <-chan netlink.LinkUpdate) {
	seen := map[int32]bool{}
	for u := range updates {
		if !t.bridges[u.Attrs().MasterIndex] || seen[u.Index] {
			continue
		}
		seen[u.Index] = true
		t.retry(ctx)
	}
}

// retry opens missing sockets, for a while: the link exists before its node knows the link.
func (t *tap) retry(ctx context.Context) {
	// The arrival of the next link finds an important error again.
	_ = wait.Until(ctx, wait.For{What: "a socket on each link", Within: relinkWithin, Every: 200 * time.Millisecond}, func(ctx context.Context) error {
		if err := t.openAll(ctx); err != nil {
			return wait.Stop(err)
		}
		if !t.complete() {
			return errors.New("links are missing")
		}
		return nil
	})
}

func (t *tap) complete() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.sockets) == len(t.sources)
}

// stats returns the kernel's counts of every source that was open. The counts are complete after close.
func (t *tap) stats() map[string]counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counted
}

// close ends all reading, after taking the packets received until now. close may be called twice.
func (t *tap) close() error {
	t.once.Do(func() {
		t.cancel()
		t.following.Wait()
		t.mu.Lock()
		for _, s := range t.sockets {
			s.stop()
		}
		t.mu.Unlock()
		t.reading.Wait()
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.errs...)
}
