package fault

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// distant returns an injector that makes the faults at the other end of a stream, in another folder. The second result ends
// the stream, and returns when the other end has finished.
func distant(t *testing.T, dir string, w *world, sink timeline.Sink) (*Injector, func() error) {
	t.Helper()
	near, other := net.Pipe()
	handlers, end := Handlers(func(sink timeline.Sink) (*Injector, error) {
		in := faked(dir, w, sink)
		in.Persist = false
		return in, nil
	})
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(agent.Serve(other, handlers), end(context.Background())) }()
	c, err := agent.NewClient(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	in := faked(t.TempDir(), nil, sink)
	in.Persist = false
	in.far = far{session: "s", agent: func(context.Context) (*agent.Client, error) { return c, nil }}
	return in, func() error { return errors.Join(c.Close(), <-ended) }
}

func TestFaultsByAnAgent(t *testing.T) {
	dir, w := t.TempDir(), clean()
	var events []string
	in, end := distant(t, dir, w, timeline.SinkFunc(func(e timeline.Event) { events = append(events, e.Text) }))
	first, err := in.Inject(t.Context(), &Kill{Node: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	if b, h := first.Window(); b == 0 || h < b || w.get("link/r1") != "kill" || len(events) != 1 {
		t.Errorf("window %d to %d, world %v, events %q", b, h, w, events)
	}
	second, err := in.Inject(t.Context(), &Kill{Node: "client"})
	if err != nil {
		t.Fatal(err)
	}
	list, err := in.List(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != first.ID || list[1].State != InForce {
		t.Errorf("listed %+v, %v", list, err)
	}
	if err := errors.Join(first.Clear(t.Context()), first.Wait(t.Context()), first.Clear(t.Context())); err != nil {
		t.Error(err)
	}
	if w.get("link/r1") != "up" || len(events) != 3 {
		t.Errorf("cleared: world %v, events %q", w, events)
	}
	if _, err := in.Inject(t.Context(), &Kill{Node: "nobody"}); err == nil {
		t.Error("a fault of a node that is not there was made")
	}
	// The client goes away, and the agent undoes the remaining faults.
	if err := end(); err != nil {
		t.Error(err)
	}
	if err := second.Wait(t.Context()); err == nil {
		t.Error("a fault whose agent has gone ended without an error")
	}
	if w.String() != clean().String() {
		t.Errorf("the client is gone: %v", w)
	}
}

func TestFaultsThatStayByAnAgent(t *testing.T) {
	dir, w := t.TempDir(), clean()
	in, end := distant(t, dir, w, nil)
	in.Persist = true
	a, err := in.Inject(t.Context(), &Kill{Node: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if w.get("link/r1") != "kill" {
		t.Fatalf("the fault went with its client: %v", w)
	}
	// Another client's agent finds the journal.
	again, end := distant(t, dir, w, nil)
	if err := again.clear(t.Context(), a.ID); err != nil || w.String() != clean().String() {
		t.Errorf("cleared by another: %v, %v", w, err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// A process that makes faults itself, beside other users' agent, lists and clears the faults of both journals.
func TestFaultsOfAnAgentAreInEveryList(t *testing.T) {
	w := clean()
	others, end := distant(t, t.TempDir(), w, nil)
	others.Persist = true
	theirs, err := others.Inject(t.Context(), &Kill{Node: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	in := faked(t.TempDir(), w, nil)
	in.far = far{session: "direct", beside: others.far.agent}
	ours, err := in.Inject(t.Context(), &Kill{Node: "client"})
	if err != nil {
		t.Fatal(err)
	}
	list, err := in.List(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != theirs.ID || list[1].ID != ours.ID {
		t.Errorf("listed %+v, %v", list, err)
	}
	if a, err := in.Find(t.Context(), theirs.ID); err != nil || a.Clear(t.Context()) != nil || w.get("link/r1") != "up" {
		t.Errorf("cleared alone: %v, %v", w, err)
	}
	if _, err := others.Inject(t.Context(), &Kill{Node: "r1"}); err != nil {
		t.Fatal(err)
	}
	if cleared, err := in.ClearAll(t.Context()); err != nil || len(cleared) != 2 || w.String() != clean().String() {
		t.Errorf("cleared all: %v, %v, %v", cleared, w, err)
	}
	// A broken agent hides no own fault.
	in.far.beside = func(context.Context) (*agent.Client, error) { return nil, errors.New("broken") }
	if _, err := in.Inject(t.Context(), &Kill{Node: "client"}); err != nil {
		t.Fatal(err)
	}
	if cleared, err := in.ClearAll(t.Context()); err == nil || len(cleared) != 1 || w.String() != clean().String() {
		t.Errorf("beside a broken agent: %v, %v, %v", cleared, w, err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestAFaultThatFailsByAnAgent(t *testing.T) {
	near, other := net.Pipe()
	w := clean()
	lacks := &Skipped{Fault: &Kill{Node: "r1"}, Needs: "NET_SCH_NETEM", Err: errors.New("no such file")}
	handlers, _ := Handlers(func(sink timeline.Sink) (*Injector, error) {
		in := faked(t.TempDir(), w, sink)
		in.make = func(r *record) (action, error) { return &fake{world: w, r: r, fails: lacks}, nil }
		return in, nil
	})
	go func() { _ = agent.Serve(other, handlers) }()
	c, err := agent.NewClient(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := faked(t.TempDir(), nil, nil)
	in.far = far{session: "s", agent: func(context.Context) (*agent.Client, error) { return c, nil }}
	_, err = in.Inject(t.Context(), &Kill{Node: "r1"})
	var skipped *Skipped
	if !errors.As(err, &skipped) || skipped.Needs != lacks.Needs || err.Error() != lacks.Error() {
		t.Errorf("got %v, wanted %v", err, lacks)
	}
	if w.String() != clean().String() {
		t.Errorf("what had begun stays: %v", w)
	}
}

// TestNodesBeyondTheEngineTakeFaultsOfTheAPI covers a cluster with a kubeconfig alone: the agent gets the kubeconfig, and
// a fault that needs the node itself is refused with the reason.
func TestNodesBeyondTheEngineTakeFaultsOfTheAPI(t *testing.T) {
	s, err := scenario.Parse("far.yaml", []byte("apiVersion: skidpad.dev/v1alpha1\nkind: Scenario\nmetadata: {name: far}\n"+
		"spec: {networks: [{name: nodes}], cluster: {provider: existing, kubeconfig: /nowhere/c.conf}}\n"), kinds)
	if err != nil {
		t.Fatal(err)
	}
	f := &plan.Found{Name: "far", Why: "node w9, which is no container of this engine", Nodes: []plan.FoundNode{{Name: "c9", ControlPlane: true}, {Name: "w9"}},
		Facts: scenario.Facts{Kubernetes: "v1.36.3", ControlPlanes: 1, Workers: 1, IPFamily: scenario.IPv4Family}}
	if s, err = s.On(f.Facts); err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "far", plan.Host{Found: f})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in, end := distant(t, dir, clean(), nil)
	in.plan = p
	if err := os.WriteFile(filepath.Join(in.dir, "kubeconfig"), []byte("the user's"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"worker", "w9"} {
		_, err := in.Inject(t.Context(), &Kill{Node: name})
		var invalid *Invalid
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), f.Why) {
			t.Errorf("kill %s: seen %v, want the reason", name, err)
		}
	}
	if got, err := in.read(&Cordon{Node: "w9"}); err != nil || got.String() != "cordon worker" {
		t.Errorf("cordon: seen %v, %v, want cordon worker", got, err)
	}
	_, _ = in.Inject(t.Context(), &Cordon{Node: "worker"}) // the fake's plan is another lab's
	if got, err := os.ReadFile(filepath.Join(dir, "kubeconfig")); err != nil || string(got) != "the user's" {
		t.Errorf("the agent's kubeconfig: seen %q, %v", got, err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}
