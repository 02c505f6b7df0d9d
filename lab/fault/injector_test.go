package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// world is the object of fake faults: a value by the name of a hold.
type world struct {
	mu sync.Mutex
	at map[string]string
}

func (w *world) get(hold string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at[hold]
}

func (w *world) set(hold, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[hold] = to
}

func (w *world) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.at)
}

// fake sets the value of the hold to the kind of the fault.
type fake struct {
	world *world
	r     *record
	fails error
}

func (f *fake) hold() string { return "link/" + f.r.Fault.Node() }

func (f *fake) look(context.Context) (json.RawMessage, error) { return encode(f.world.get(f.hold())) }

func (f *fake) apply(context.Context, json.RawMessage) error {
	f.world.set(f.hold(), f.r.Fault.Kind())
	return f.fails
}

func (f *fake) undo(_ context.Context, saved json.RawMessage) error {
	var was string
	err := decode(saved, &was)
	f.world.set(f.hold(), was)
	return err
}

// faked returns an injector of fake faults.
func faked(dir string, w *world, sink timeline.Sink) *Injector {
	in := New(nil, examplePlan(), dir, nil, sink)
	in.Persist = true
	in.make = func(r *record) (action, error) { return &fake{world: w, r: r}, nil }
	return in
}

func clean() *world { return &world{at: map[string]string{"link/r1": "up", "link/client": "up"}} }

// Faults of the same hold overlap in any order. The hold has the value of the latest remaining fault, and the old value after
// the last fault. A second injector, in the role of another process, clears each fault.
func TestOverlapsOfOneHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "faults")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		w := clean()
		var in []Made
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			if len(in) > 0 && rapid.Bool().Draw(t, "clear") {
				i := rapid.IntRange(0, len(in)-1).Draw(t, "which")
				a, err := faked(dir, w, nil).Find(t.Context(), in[i].ID)
				if err != nil {
					t.Fatal(err)
				}
				if err := a.Clear(t.Context()); err != nil {
					t.Fatal(err)
				}
				in = slices.Delete(in, i, i+1)
			} else {
				at := rapid.SampledFrom([]string{"r1", "client"}).Draw(t, "node")
				f := rapid.SampledFrom([]Fault{&Kill{Node: at}, &Pause{Node: at}}).Draw(t, "fault")
				a, err := faked(dir, w, nil).Inject(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				in = append(in, a.Fault)
			}
			want := clean()
			for _, f := range in {
				want.set("link/"+f.Node(), f.Kind())
			}
			if w.String() != want.String() {
				t.Fatalf("with %v in force: %v, want %v", in, w, want)
			}
		}
		if _, err := faked(dir, w, nil).ClearAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w.String() != clean().String() {
			t.Fatalf("all cleared: %v", w)
		}
	})
}

func TestEventsAndList(t *testing.T) {
	var events []timeline.Event
	in := faked(t.TempDir(), clean(), timeline.SinkFunc(func(e timeline.Event) { events = append(events, e) }))
	a, err := in.Inject(t.Context(), &Kill{Node: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	list, err := in.List(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != a.ID || list[0].State != InForce {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := a.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Clear(t.Context()); err != nil {
		t.Errorf("a second time: %v", err)
	}
	var missing *NotFoundError
	if _, err := in.Find(t.Context(), a.ID); !errors.As(err, &missing) {
		t.Errorf("found after it was cleared: %v", err)
	}
	if len(events) != 2 || events[0].Kind != "inject" || events[1].Kind != "clear" || events[0].Fields["id"] != a.ID || events[1].Until < events[1].At || events[1].At < events[0].Until {
		t.Errorf("events: %+v", events)
	}
	if b, e := a.Window(); b != events[0].At || e != events[0].Until {
		t.Errorf("window %d, %d; event %+v", b, e, events[0])
	}
}

func TestLastsFor(t *testing.T) {
	w := clean()
	in := faked(t.TempDir(), w, nil)
	f := &Kill{Node: "r1"}
	f.For = scenario.Duration(50 * time.Millisecond)
	a, err := in.Inject(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := in.List(t.Context()); err != nil || len(list) != 0 || w.get("link/r1") != "up" {
		t.Errorf("after its time: %v, %v, %v", list, w, err)
	}
	f.For = scenario.Duration(time.Minute)
	if a, err = in.Inject(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Wait(ctx); err != nil || w.get("link/r1") != "up" {
		t.Errorf("interrupted: %v, %v", w, err)
	}
}

func TestFailedInjectionIsUndone(t *testing.T) {
	w := clean()
	in := faked(t.TempDir(), w, nil)
	in.make = func(r *record) (action, error) {
		return &fake{world: w, r: r, fails: &Skipped{r.Fault, "NET_SCH_NETEM", errors.New("no such file or directory")}}, nil
	}
	_, err := in.Inject(t.Context(), &Kill{Node: "r1"})
	var skipped *Skipped
	if !errors.As(err, &skipped) || !strings.Contains(err.Error(), "this kernel lacks NET_SCH_NETEM") {
		t.Errorf("%v", err)
	}
	if list, err := in.List(t.Context()); err != nil || len(list) != 0 || w.get("link/r1") != "up" {
		t.Errorf("after it failed: %v, %v, %v", list, w, err)
	}
}
