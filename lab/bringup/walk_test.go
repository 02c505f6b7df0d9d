package bringup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/bringup"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// engine is the fake of an engine, of a cluster and of the cluster's addons. The engine lists all calls, and fails at one call.
type engine struct {
	cluster.Provider
	mu     sync.Mutex
	calls  []string
	fails  string
	labels []map[string]string
}

func (e *engine) did(format string, a ...any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	call := fmt.Sprintf(format, a...)
	e.calls = append(e.calls, call)
	if call == e.fails {
		return errors.New("broken")
	}
	return nil
}

func (e *engine) Keep(_ context.Context, _ string, labels map[string]string) error {
	e.labels = append(e.labels, labels)
	return e.did("record")
}

func (e *engine) Network(_ context.Context, n plan.Network, labels map[string]string) error {
	e.labels = append(e.labels, labels)
	return e.did("network %s", n.Name)
}

func (e *engine) Router(_ context.Context, r plan.Router, ref string) error {
	return e.did("router %s %s", r.Name, ref)
}

func (e *engine) Gateway(_ context.Context, g plan.Gateway, ref string) error {
	return e.did("gateway %s %s", g.Name, ref)
}

func (e *engine) Container(_ context.Context, c plan.Container, ref, hostRef string) error {
	return e.did("container %s of %s on %s", c.Container, ref, hostRef)
}

func (e *engine) Await(_ context.Context, c plan.Container) error {
	return e.did("await %s", c.Container)
}

func (e *engine) Client(_ context.Context, c plan.Client, ref string) error {
	return e.did("client %s %s", c.Name, ref)
}
func (e *engine) Raise(nodes int, _ func(string)) error { return e.did("raise %d", nodes) }
func (e *engine) CopyTo(_ context.Context, container string, files []docker.File) error {
	return e.did("prober %s %s", files[0].Data, container)
}

func (e *engine) Read(_ context.Context, container, _ string) ([]byte, error) {
	return []byte("program"), e.did("read %s", container)
}

func (e *engine) Create(_ context.Context, img image.Resolved) error {
	return e.did("cluster %s", img.Ref)
}

// APIReady returns a cluster with one node.
func (e *engine) APIReady(context.Context) (*cluster.Kube, error) {
	one := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": "t-worker"}}}
	nodes := map[schema.GroupVersionResource]string{{Version: "v1", Resource: "nodes"}: "NodeList"}
	return &cluster.Kube{Dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), nodes, one)}, e.did("API")
}

func (e *engine) Addon(a plan.Addon, _ func(string)) (addon.Addon, error) {
	return &installed{e, a.Name}, nil
}

func (e *engine) Workload(w plan.Workload) (addon.Addon, error) {
	return &installed{e, "workload " + w.Name}, nil
}

type installed struct {
	*engine
	name string
}

func (i *installed) Name() string                                 { return i.name }
func (i *installed) Prepare(context.Context) error                { return i.did("prepare %s", i.name) }
func (i *installed) Install(context.Context, *cluster.Kube) error { return i.did("install %s", i.name) }
func (i *installed) Ready(context.Context, *cluster.Kube) error   { return i.did("ready %s", i.name) }

func build(t *testing.T, e *engine, l *live.Lab, networked func()) error {
	t.Helper()
	return bringup.Build(t.Context(), l, e, e, e, networked, &recorder{})
}

func TestABuildMakesAllPartsInOrder(t *testing.T) {
	for _, name := range []string{"cilium-bird", "cilium-bgp-vrrp"} {
		t.Run(name, func(t *testing.T) { makesAll(t, "../../scenarios/"+name+"/scenario.yaml") })
	}
}

func makesAll(t *testing.T, file string) {
	p, images := planOf(t, file)
	e := &engine{}
	after := 0 // calls before other labs may choose subnets
	if err := build(t, e, live.New(nil, p, images, map[string]string{"x": "gone"}), func() { after = len(e.calls) }); err != nil {
		t.Fatal(err)
	}
	want := []string{fmt.Sprint("raise ", len(p.Cluster.Nodes)), "API"}
	for _, n := range p.Bridges() {
		want = append(want, "network "+n.Name)
	}
	for _, r := range p.Routers {
		want = append(want, "router "+r.Name+" example/"+r.Image.Name+":v1")
	}
	for _, g := range p.Gateways {
		want = append(want, "gateway "+g.Name+" example/keepalived:v1")
	}
	for _, c := range p.Clients {
		want = append(want, "client "+c.Name+" example/client:v1")
	}
	for _, a := range p.Addons {
		want = append(want, "prepare "+a.Name, "install "+a.Name, "ready "+a.Name)
	}
	for _, w := range p.Workloads {
		want = append(want, "install workload "+w.Name, "ready workload "+w.Name)
	}
	for _, x := range p.Places().Of(node.KindCluster, node.KindRouter) {
		want = append(want, "prober program "+x.Container)
	}
	for _, call := range want {
		if !slices.Contains(e.calls, call) {
			t.Errorf("%q was not called", call)
		}
	}
	for _, pair := range [][2]string{
		{"network fabric", "router r1 example/frr:v1"}, {"network fabric", "cluster example/node:v1"}, {"prepare cilium", "install cilium"},
		{"install cilium", "ready cilium"}, {"install workload echo", "ready workload echo"},
	} {
		if a, b := slices.Index(e.calls, pair[0]), slices.Index(e.calls, pair[1]); a < 0 || b < 0 || a > b {
			t.Errorf("%q is call %d, %q is call %d; want the first before the second", pair[0], a, pair[1], b)
		}
	}
	if after != len(p.Bridges()) {
		t.Errorf("other labs may choose subnets after %d calls, want %d networks before", after, len(p.Bridges()))
	}
	back, err := bringup.Decode(e.labels[0]["dev.skidpad.plan"], lab.Kinds())
	if err != nil || back.Plan.Hash != p.Hash || back.Missing["x"] != "gone" || len(back.Images) != len(images) {
		t.Errorf("the record on the networks: %+v, %v", back, err)
	}
}

func TestABuildStopsAtTheFailure(t *testing.T) {
	p, images := planOf(t, "../../scenarios/cilium-bird/scenario.yaml")
	for call, step := range map[string]string{
		"network fabric": plan.StepNetworks, "router r1 example/frr:v1": plan.StepRouters, "client client example/client:v1": plan.StepClients,
		"raise 3": plan.StepCluster, "prepare cilium": plan.StepCNI, "install bird": plan.StepAddons, "install workload echo": plan.StepWorkloads,
		"ready bird": plan.StepReady, "read " + p.Clients[0].Container: plan.StepReady,
	} {
		e := &engine{fails: call}
		err := build(t, e, live.New(nil, p, images, nil), func() {})
		var stopped *bringup.StepError
		if !errors.As(err, &stopped) || stopped.Step != step || !strings.Contains(err.Error(), "skidpad down --name t") || !strings.Contains(err.Error(), "skidpad up SCENARIO --name t") {
			t.Errorf("%s: seen %v, want an error of step %s with the next commands", call, err, step)
		}
	}
	for _, i := range []plan.Image{p.Routers[0].Image, p.Clients[0].Image, p.Cluster.Image} {
		delete(images, i.Key())
		err := build(t, &engine{}, live.New(nil, p, images, nil), func() {})
		if err == nil || !strings.Contains(err.Error(), "lab bug: image "+i.Key()) {
			t.Errorf("without image %s: %v", i.Key(), err)
		}
		images[i.Key()] = image.Resolved{Ref: "example/" + i.Name + ":v1"}
	}
}

// A part without images is left out, and the step ready does not wait for the part.
func TestABuildLeavesMissingPartsOut(t *testing.T) {
	p, images := planOf(t, "../../scenarios/cilium-bird/scenario.yaml")
	e := &engine{}
	if err := build(t, e, live.New(nil, p, images, map[string]string{"bird": "no image"}), func() {}); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(e.calls, func(c string) bool { return strings.HasSuffix(c, " bird") }) {
		t.Errorf("calls of a missing part: %v", e.calls)
	}
}

func TestSkips(t *testing.T) {
	p := &plan.Plan{Kernel: []plan.Need{{Option: "NO_SUCH_OPTION", For: "a test"}}}
	if skip := bringup.KernelLacks(p); skip != nil {
		t.Errorf("an unknown option: %v", skip)
	}
	if err := bringup.AsSkip(errors.New("broken recipe")); err == nil || strings.HasPrefix(err.Error(), "skipped") {
		t.Errorf("a failed recipe: %v", err)
	}
	cause := errors.New("cause")
	for want, err := range map[string]error{"skipped: no VRF": &bringup.SkipError{Reason: "no VRF"}, "skipped: cause": &bringup.SkipError{Reason: "no VRF", Err: cause}} {
		if err.Error() != want || want == "skipped: cause" && !errors.Is(err, cause) {
			t.Errorf("seen %q, want %q", err, want)
		}
	}
}

func TestSentence(t *testing.T) {
	e := image.Event{What: "frr", Status: "pulled", Detail: "from a registry"}
	for took, want := range map[time.Duration]string{0: "frr: pulled from a registry", 90 * time.Second: "frr: pulled from a registry (90s)"} {
		if e.Elapsed = took; bringup.Sentence(e) != want {
			t.Errorf("seen %q, want %q", bringup.Sentence(e), want)
		}
	}
}

// The kernel frees the subnets' lock when the holder releases the lock.
func TestSubnetsAreClaimedInTurn(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	own, err := bringup.Acquire("one")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Release()
	held, err := bringup.ClaimSubnets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, held.Release)
	again, err := bringup.ClaimSubnets(t.Context())
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bringup.ClaimSubnets(ended); err == nil {
		t.Error("two holders at the same time")
	}
	again.Release()
}

// TestHolder is the process of TestTakeOver: the process holds a lab's lock until a signal.
func TestHolder(t *testing.T) {
	name := os.Getenv("SKIDPAD_TEST_HOLDS")
	if name == "" {
		t.Skip("not started by TestTakeOver")
	}
	if _, err := bringup.Acquire(name); err != nil {
		t.Fatal(err)
	}
	fmt.Println("holds")
	time.Sleep(time.Minute)
}

func TestTakeOverStopsTheHolder(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	holder := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHolder$")
	holder.Env = append(os.Environ(), "SKIDPAD_TEST_HOLDS=one")
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	if n, err := out.Read(make([]byte, 100)); n == 0 {
		t.Fatalf("the holder says nothing: %v", err)
	}
	go func() { ended <- holder.Wait() }()
	release, err := bringup.TakeOver(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the holder ended by itself, want the end by a signal")
	}
	// The own process is never stopped.
	var busy *bringup.BusyError
	if _, err := bringup.TakeOver(t.Context(), "one"); !errors.As(err, &busy) || !strings.Contains(err.Error(), "skidpad down --name one") {
		t.Errorf("the own lock: %v", err)
	}
	release()
	if release, err = bringup.TakeOver(t.Context(), "one"); err != nil {
		t.Fatalf("a free lock: %v", err)
	}
	release()
}
