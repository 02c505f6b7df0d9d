package repro

import (
	"net/netip"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestAKubectlStepUsesTheProvidersOwnKubeconfig(t *testing.T) {
	for file, want := range map[string]string{
		"../../scenarios/k3s-cilium-l2/scenario.yaml": "kubectl --kubeconfig /etc/rancher/k3s/k3s.yaml get nodes",
		"../../scenarios/cilium-l2/scenario.yaml":     "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes",
	} {
		s, err := scenario.Load(file, lab.Kinds())
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Make(s, "test", plan.Host{})
		if err != nil {
			t.Fatal(err)
		}
		if got := kubectl(p, "get nodes"); got.Run != want || got.Node != "control-plane" {
			t.Errorf("%s: seen %q on %s, want %q on control-plane", file, got.Run, got.Node, want)
		}
	}
}

func TestAPodIsEnteredWhateverItsIPFamily(t *testing.T) {
	e := probe.Endpoints{Pods: []probe.Pod{
		{Name: "echo-1", Node: "worker"}, // has no address yet
		{Name: "echo-2", Node: "worker2", IPs: []netip.Addr{netip.MustParseAddr("fd00::2")}},
		{Name: "echo-3", Node: "worker3", IPs: []netip.Addr{netip.MustParseAddr("10.0.0.3")}},
	}}
	for on, want := range map[string]string{"": "pod/echo@worker2", "worker2": "pod/echo@worker2", "worker3": "pod/echo@worker3", "worker": ""} {
		if got, err := podOrigin("echo", on, e); got != want || (err != nil) != (want == "") {
			t.Errorf("on %q: seen %q, %v, want %q", on, got, err, want)
		}
	}
}

func TestTheAnnouncerOfMetalLBIsAskedByARP(t *testing.T) {
	s, err := scenario.Load("../../scenarios/metallb-l2/scenario.yaml", lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "test", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Addon("cilium") == nil {
		t.Fatal("the scenario has no Cilium beside MetalLB: its lease would not be asked for anyway")
	}
	p.Clients = nil
	r := &runner{lab: live.New(nil, p, nil, nil)}
	_, err = r.read(t.Context(), scenario.Signal{Lease: "echo"})
	if err == nil || !strings.Contains(err.Error(), "where ARP is heard") {
		t.Errorf("without a client: seen %v, want that no client hears ARP", err)
	}
}
