package live_test

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
)

const withGateway = "../../scenarios/cilium-bgp-vrrp/scenario.yaml"

func TestStatus(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   string // part of one of the problems; empty: healthy
	}{
		"all is well":             {func(*world) {}, ""},
		"a router is gone":        {func(w *world) { delete(w.engine.containers, w.container("r2")) }, "router r2: it is absent, not running"},
		"a session is missing":    {func(w *world) { w.sessions[w.container("r1")]-- }, "router r1: "},
		"the API does not answer": {func(w *world) { clear(w.api.objects) }, "cluster: its API does not answer"},
		"the workload has no pod": {func(w *world) { delete(w.api.objects, "/api/v1/namespaces/default/pods") }, "workload echo: "},
		"a node is not ready": {func(w *world) {
			w.api.objects["/api/v1/nodes"] = object(t, map[string]any{"items": []any{map[string]any{"metadata": map[string]any{"name": "x"}}}})
		}, "node x: not ready"},
		"nobody holds the gateway": {func(w *world) { w.engine.answer = func(string, []string) (string, int) { return "", 1 } }, "gateway gw: "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withGateway)
			c.change(w)
			st, err := w.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if st.Healthy != (c.want == "") || !slices.ContainsFunc(append(st.Problems, ""), func(p string) bool { return strings.Contains(p, c.want) }) {
				t.Errorf("healthy: %v, problems %q, wanted %q", st.Healthy, st.Problems, c.want)
			}
			if err := w.Base(t.Context()); (err == nil) != st.Healthy {
				t.Errorf("base state: %v, while healthy is %v", err, st.Healthy)
			}
		})
	}
}

func TestLookups(t *testing.T) {
	w := newWorld(t, withGateway)
	ctx := t.Context()
	e, err := w.Endpoints(ctx, "")
	if err != nil || len(e.Pods) != len(w.Plan.Cluster.Nodes)-1 || e.Pods[0].Node != "worker" || e.NodePort.UDP != 30081 {
		t.Fatalf("endpoints: %+v, %v", e, err)
	}
	at, err := w.Resolve(ctx, probe.Ref{Kind: "loadBalancer", Workload: "echo"}, record.UDP)
	if err != nil || len(at) != 1 || at[0] != netip.MustParseAddrPort("198.51.100.1:80") {
		t.Errorf("resolved: %v, %v", at, err)
	}
	if _, err := w.Endpoints(ctx, "nobody"); err == nil || !strings.Contains(err.Error(), `no workload "nobody"`) {
		t.Errorf("an unknown workload: %v", err)
	}
	nodes, err := w.ClusterNodes(ctx)
	if err != nil || len(nodes) != len(w.Plan.Cluster.Nodes) || nodes[1].Name != "worker" || nodes[1].PodCIDRs[0].String() != "10.244.1.0/24" {
		t.Errorf("nodes: %+v, %v", nodes, err)
	}
	if len(w.Routers()) != 2 {
		t.Errorf("%d routers, wanted two", len(w.Routers()))
	}
	for name, find := range map[string]func(string) error{
		"node":    func(n string) error { _, err := w.Node(n); return err },
		"router":  func(n string) error { _, err := w.Router(n); return err },
		"gateway": func(n string) error { _, err := w.Gateway(n); return err },
		"pod":     func(n string) error { _, err := w.Node("pod/" + n + "@worker"); return err },
	} {
		if err := find("nobody"); err == nil || !strings.Contains(err.Error(), "nobody") {
			t.Errorf("an unknown %s: %v", name, err)
		}
	}
}

func TestCommandsInAPod(t *testing.T) {
	w := newWorld(t, withGateway)
	n, err := w.Node("pod/echo@worker")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Exec(t.Context(), "ip", "addr"); err != nil {
		t.Fatal(err)
	}
	run := w.engine.execs[0]
	if run.container != w.container("worker") || !strings.Contains(run.cmd[2], "nsenter") || !slices.Equal(run.cmd[3:], []string{"echo", "ip", "addr"}) {
		t.Errorf("in %s: %q", run.container, run.cmd)
	}
	if _, err := n.ExecInput(t.Context(), []byte("x"), "cat"); err != nil || n.Name() != "pod/echo@worker" {
		t.Errorf("with input: %v", err)
	}
}

func TestWhoAnswersByMAC(t *testing.T) {
	w := newWorld(t, withGateway)
	who := w.Who()
	if names, err := who.Neighbour(t.Context(), "client", netip.MustParseAddr("198.51.100.1")); err != nil || !slices.Equal(names, []string{"worker"}) {
		t.Errorf("seen %v, %v; wanted worker", names, err)
	}
	if at := who.NodeAt(t.Context(), netip.MustParseAddr("172.30.0.4")); at != "worker" {
		t.Errorf("172.30.0.4 is %s, wanted worker", at)
	}
	w.engine.answer = func(string, []string) (string, int) { return "", 1 }
	clear(w.api.objects)
	if name := who.NodeOf(t.Context(), "02:00:00:00:00:01"); name != "worker" {
		t.Errorf("of a dead node: %q, wanted the kept name", name)
	}
	if at := who.NodeAt(t.Context(), netip.MustParseAddr("172.30.0.4")); at != "worker" {
		t.Errorf("without the API: %q, wanted the kept name", at)
	}
	if at := who.NodeAt(t.Context(), w.Plan.Routers[1].Networks[0].Address); at != "r2" {
		t.Errorf("an address of r2: %q", at)
	}
	if at := who.NodeAt(t.Context(), netip.MustParseAddr("192.0.2.99")); at != "192.0.2.99" {
		t.Errorf("nobody's address: %q, wanted the address", at)
	}
	if router, err := who.FirstRouter(t.Context(), "r2"); err != nil || router != "r2" {
		t.Errorf("the first router of r2: %q, %v", router, err)
	}
}

func TestCarrier(t *testing.T) {
	w := newWorld(t, withGateway)
	c, err := w.Who().Carrier(t.Context(), "client", netip.MustParseAddr("198.51.100.1"))
	if err != nil || c.String() != "r1 → worker, worker2" {
		t.Errorf("seen %s, %v; wanted the gateway's holder and its next hops", c, err)
	}
	if c, err := w.Who().Carrier(t.Context(), "client", netip.MustParseAddr("203.0.113.9")); err != nil || c.String() != "r1 → nobody" {
		t.Errorf("without a route: %s, %v", c, err)
	}
}

func TestLease(t *testing.T) {
	w := newWorld(t, "../../scenarios/cilium-l2/scenario.yaml")
	holder, err := w.Announcer(t.Context(), "echo")
	if err != nil || holder != w.Plan.Cluster.Nodes[1].Short {
		t.Errorf("held by %q, %v", holder, err)
	}
	if err := w.ReleaseLease(t.Context(), "echo"); err != nil || len(w.api.deleted) != 1 || !strings.HasSuffix(w.api.deleted[0], "/cilium-l2announce-default-echo") {
		t.Errorf("deleted %q, %v", w.api.deleted, err)
	}
	if _, err := w.Announcer(t.Context(), "nobody"); err == nil {
		t.Error("an unknown workload has a holder")
	}
}

func TestHubble(t *testing.T) {
	w := newWorld(t, withGateway)
	if flows, err := w.HubbleFlows(t.Context(), netip.MustParseAddr("192.0.2.9"), time.Unix(0, 0)); err != nil || len(flows) != 0 {
		t.Errorf("seen %v, %v", flows, err)
	}
	if run := w.engine.execs[0]; !slices.Contains(run.cmd, "10.96.0.77:80") || !slices.Contains(run.cmd, "192.0.2.9") {
		t.Errorf("asked %q", run.cmd)
	}
	undo, err := w.Deny(t.Context(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	if err := undo(t.Context()); err != nil || len(w.api.deleted) != 1 || !strings.HasSuffix(w.api.deleted[0], "/skidpad-deny") {
		t.Errorf("deleted %q, %v", w.api.deleted, err)
	}
}

func TestGracefulRestartIsNegotiated(t *testing.T) {
	w := newWorld(t, withGateway)
	for _, r := range w.Plan.Routers {
		for i := range r.BGP.Ranges {
			r.BGP.Ranges[i].ASN = 64512
		}
		r.BGP.GracefulRestart = true
	}
	if err := live.Negotiated(t.Context(), w.Lab, w.Plan); err != nil {
		t.Error(err)
	}
}

func TestNoNameLeavesTheFolderOfLabs(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	for _, name := range []string{"..", ".", "../..", "a/../..", "/etc", "a/b", "mine"} {
		if dir, err := live.Dir(name); err != nil || filepath.Dir(dir) != "/state/skidpad" {
			t.Errorf("%q: seen %q, %v; want a folder in /state/skidpad", name, dir, err)
		}
	}
	if dir, err := live.Dir(""); err != nil || dir != "/state/skidpad" {
		t.Errorf("seen %q, %v", dir, err)
	}
}
