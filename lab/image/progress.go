package image

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"skidpad.dev/skidpad/lab/image/build"
)

// Working is the status of a report that long work goes on.
const Working build.Status = "working"

// firstTime is the first line of a run that pulls or builds images.
const firstTime = "images are missing here: they are pulled or, without a registry, built, which takes up to 20 minutes for the default lab on two cores; this happens once"

// reportEvery is the interval of reports while nothing ends.
const reportEvery = 30 * time.Second

// progress passes events on, says at the first work how long the work takes, and knows the work that goes on.
type progress struct {
	to func(Event)

	mu    sync.Mutex
	told  bool
	ended int                  // pieces of work
	begun map[string]time.Time // work that goes on, by what
}

func (p *progress) take(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Status {
	case build.Started:
		if !p.told {
			p.told = true
			p.to(Event{What: "images", Status: Working, Detail: firstTime})
		}
		if _, again := p.begun[e.What]; !again {
			p.begun[e.What] = time.Now()
		}
	case build.Pulled, build.Built, build.Failed:
		delete(p.begun, e.What)
		p.ended++
	}
	p.to(e)
}

// follow reports the work that goes on, at intervals, until ctx ends.
func (p *progress) follow(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			p.mu.Lock()
			if len(p.begun) > 0 {
				p.to(Event{What: "images", Status: Working, Detail: p.line(now), Elapsed: now.Sub(began)})
			}
			p.mu.Unlock()
		}
	}
}

// line names the work that goes on, the oldest first.
func (p *progress) line(now time.Time) string {
	names := slices.SortedFunc(maps.Keys(p.begun), func(a, b string) int {
		return cmp.Or(p.begun[a].Compare(p.begun[b]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s (%.0fs)", name, now.Sub(p.begun[name]).Seconds())
	}
	return fmt.Sprintf("%d done, at work on %s", p.ended, strings.Join(names, ", "))
}
