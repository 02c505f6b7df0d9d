package timeline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Timeline collects events. The zero value is empty and ready. Many goroutines may use a Timeline; do not copy
// a Timeline.
type Timeline struct {
	mu     sync.Mutex
	events []Event
	sorted bool
	more   chan struct{} // closed at the next Add; nil while no goroutine waits
}

var _ Sink = (*Timeline)(nil)

// Of returns a timeline with these events.
func Of(events ...Event) *Timeline {
	t := &Timeline{}
	for _, e := range events {
		t.Add(e)
	}
	return t
}

// Add takes an event. Events may come in any order.
func (t *Timeline) Add(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sorted = (t.sorted || len(t.events) == 0) && (len(t.events) == 0 || compare(t.events[len(t.events)-1], e) <= 0)
	t.events = append(t.events, e)
	if t.more != nil {
		close(t.more)
		t.more = nil
	}
}

// Merge takes all events of others.
func (t *Timeline) Merge(others ...*Timeline) {
	for _, o := range others {
		for _, e := range o.Events() {
			t.Add(e)
		}
	}
}

// Events returns a copy of all events, ordered by time, and within a moment by lane, subject, kind and text,
// so two runs with the same events give the same list.
func (t *Timeline) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sorted {
		slices.SortStableFunc(t.events, compare)
		t.sorted = true
	}
	return slices.Clone(t.events)
}

// Len returns the number of events.
func (t *Timeline) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.events)
}

func compare(a, b Event) int {
	if a.At != b.At { // nearly always; what follows costs more
		return cmp.Compare(a.At, b.At)
	}
	return cmp.Or(cmp.Compare(slices.Index(Lanes(), a.Lane), slices.Index(Lanes(), b.Lane)),
		cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text))
}

// Filter selects events. An empty field selects everything: the zero value takes all events.
type Filter struct {
	Lanes    []Lane
	Subjects []string
	Kinds    []string
	From, To int64             // as Event.At; both ends count; a span counts where it overlaps
	Fields   map[string]string // all must be equal
}

// Match reports whether the event is wanted.
func (f Filter) Match(e Event) bool {
	if len(f.Lanes) > 0 && !slices.Contains(f.Lanes, e.Lane) || len(f.Subjects) > 0 && !slices.Contains(f.Subjects, e.Subject) ||
		len(f.Kinds) > 0 && !slices.Contains(f.Kinds, e.Kind) {
		return false
	}
	if f.From != 0 && max(e.At, e.Until) < f.From || f.To != 0 && e.At > f.To {
		return false
	}
	for k, v := range f.Fields {
		if have, ok := e.Fields[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// Select returns a timeline of the events that the filter takes.
func (t *Timeline) Select(f Filter) *Timeline {
	events := t.Events()
	return &Timeline{sorted: true, events: slices.DeleteFunc(events, func(e Event) bool { return !f.Match(e) })}
}

// First returns the earliest event that the filter takes.
func (t *Timeline) First(f Filter) (Event, bool) {
	for _, e := range t.Events() {
		if f.Match(e) {
			return e, true
		}
	}
	return Event{}, false
}

// Await returns the earliest event that the filter takes, waiting for it where it is not there yet. When ctx ends, the
// error says what came instead, of the same lanes.
func (t *Timeline) Await(ctx context.Context, f Filter) (Event, error) {
	start := time.Now()
	for {
		t.mu.Lock()
		if t.more == nil {
			t.more = make(chan struct{})
		}
		more := t.more
		t.mu.Unlock()
		if e, ok := t.First(f); ok {
			return e, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			last := "nothing"
			if near := t.Select(Filter{Lanes: f.Lanes, From: f.From, To: f.To}).Events(); len(near) > 0 {
				e := near[len(near)-1]
				last = fmt.Sprintf("%d others, the last: %s %s %s: %s", len(near), e.Lane, e.Subject, e.Kind, e.Text)
			}
			return Event{}, fmt.Errorf("event %s: not after %s: %w; seen was %s", f, time.Since(start).Round(time.Millisecond), context.Cause(ctx), last)
		}
	}
}

// String says in a few words what is wanted.
func (f Filter) String() string {
	s := fmt.Sprintf("%v of %v in %v", orAny(f.Kinds), orAny(f.Subjects), orAny(f.Lanes))
	for _, k := range slices.Sorted(maps.Keys(f.Fields)) {
		s += fmt.Sprintf(" with %s=%s", k, f.Fields[k])
	}
	return s
}

func orAny[T ~string](list []T) any {
	if len(list) == 0 {
		return "any"
	}
	return list
}
