package bringup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bringup"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func defaultPlan(t *testing.T) *plan.Plan {
	t.Helper()
	s, err := scenario.Load("../../scenarios/cilium-bgp-vrrp/scenario.yaml", lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "t", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatIsKeptComesBack(t *testing.T) {
	p := defaultPlan(t)
	label, err := bringup.Encode(bringup.Kept{Plan: p, Images: map[string]image.Resolved{"frr": {Ref: "x:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(label) > 60_000 {
		t.Errorf("the label is %d bytes, want under 60000", len(label))
	}
	back, err := bringup.Decode(label, lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	if back.Plan.Hash != p.Hash || back.Images["frr"].Ref != "x:1" || len(back.Plan.Routers) != 2 {
		t.Errorf("seen %+v", back)
	}
	if _, err := bringup.Decode(label[:len(label)/2], lab.Kinds()); err == nil {
		t.Error("half a label was read without an error")
	}
}

func TestDifferencesAreNamed(t *testing.T) {
	p := defaultPlan(t)
	if err := bringup.Same(p, p.Scenario); err != nil {
		t.Errorf("the same scenario: %v", err)
	}
	other := defaultPlan(t).Scenario
	other.Spec.Routers[1].BGP.ASN = 65000
	err := bringup.Same(p, other)
	var differs *bringup.DiffersError
	if !errors.As(err, &differs) || !strings.Contains(err.Error(), "spec.routers[1].bgp.asn: runs 64513, asked for 65000") {
		t.Errorf("seen %v", err)
	}
	checks := defaultPlan(t).Scenario
	checks.Spec.Checks = nil
	if err := bringup.Same(p, checks); err != nil {
		t.Errorf("other checks make no other lab: %v", err)
	}
}

// recorder records the order of the steps' ends.
type recorder struct {
	mu    sync.Mutex
	ended []string
}

func (r *recorder) Begin(string, string) {}
func (r *recorder) Note(string, string)  {}
func (r *recorder) End(step string, _ time.Duration, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, step)
}

func TestStepsWaitForThoseTheyComeAfter(t *testing.T) {
	steps := []plan.Step{{Name: "images"}, {Name: "a", After: []string{"images"}}, {Name: "b", After: []string{"a"}}, {Name: "c", After: []string{"a", "b"}}}
	ok := func(context.Context, func(string)) error { return nil }
	r := &recorder{}
	if err := bringup.Walk(t.Context(), "t", steps, map[string]bringup.Action{"a": ok, "b": ok, "c": ok}, r); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.ended, []string{"a", "b", "c"}) {
		t.Errorf("ended in the order %v", r.ended)
	}
}

func TestTheFirstFailureStopsTheWalk(t *testing.T) {
	steps := []plan.Step{{Name: "a"}, {Name: "slow"}, {Name: "b", After: []string{"a"}}}
	broken := errors.New("broken")
	ran := false
	err := bringup.Walk(t.Context(), "t", steps, map[string]bringup.Action{
		"a":    func(context.Context, func(string)) error { return broken },
		"slow": func(ctx context.Context, _ func(string)) error { <-ctx.Done(); return ctx.Err() },
		"b":    func(context.Context, func(string)) error { ran = true; return nil },
	}, &recorder{})
	var step *bringup.StepError
	if !errors.As(err, &step) || step.Step != "a" || !errors.Is(err, broken) || ran {
		t.Errorf("seen %v, b ran: %v", err, ran)
	}
}

func TestOneUpPerLab(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	held, err := bringup.Acquire("one")
	if err != nil {
		t.Fatal(err)
	}
	var busy *bringup.BusyError
	if _, err := bringup.Acquire("one"); !errors.As(err, &busy) || busy.Pid == 0 {
		t.Errorf("a second holder: seen %v, want one that names the first", err)
	}
	other, err := bringup.Acquire("two")
	if err != nil {
		t.Errorf("another lab: %v", err)
	}
	other.Release()
	held.Release()
	again, err := bringup.Acquire("one")
	if err != nil {
		t.Fatalf("after its release: %v", err)
	}
	again.Release()
}

func TestLeftover(t *testing.T) {
	base := t.TempDir()
	t.Setenv("XDG_STATE_HOME", base)
	const engine = "unix:///here"
	for _, l := range []struct{ name, engine, file string }{
		{"killed-early", "", ""}, {"killed-late", engine, "faults"}, {"with:sign", engine, ""},
		{"runs", engine, "kubeconfig"}, {"at-work", engine, ""}, {"elsewhere", "tcp://there", ""}, {"unknown", "", "kubeconfig"}, {".hidden", "", ""},
	} {
		held, err := bringup.Acquire(l.name)
		if err != nil {
			t.Fatal(err)
		}
		if l.name != "at-work" {
			held.Release()
		}
		if l.engine != "" {
			if err := bringup.NoteEngine(l.name, l.engine); err != nil {
				t.Fatal(err)
			}
		}
		if dir, _ := live.Dir(l.name); l.file != "" {
			if err := os.WriteFile(filepath.Join(dir, l.file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	left, err := bringup.Leftover(engine, []string{"runs"})
	if want := []string{"killed-early", "killed-late", "with:sign"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("seen %q, %v; want %q", left, err, want)
	}
}

func TestTheOrderOfAThaw(t *testing.T) {
	containers := []docker.Info{{Name: "skidpad-t-client"}, {Name: "skidpad-t-r1-gw"}, {Name: "skidpad-t-r2-gw"}, {Name: "skidpad-t-r1"}, {Name: "skidpad-t-worker"}, {Name: "skidpad-t-agent"}}
	var names []string
	for _, c := range bringup.ThawOrder(defaultPlan(t), containers) {
		names = append(names, strings.TrimPrefix(c.Name, "skidpad-t-"))
	}
	if want := []string{"agent", "worker", "r1", "r1-gw", "r2-gw", "client"}; !slices.Equal(names, want) {
		t.Errorf("seen %q, want %q", names, want)
	}
}
