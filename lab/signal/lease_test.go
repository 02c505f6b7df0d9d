package signal_test

import (
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/signal"
)

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
	_, err = signal.Lease("echo").Read(t.Context(), &signal.Run{Lab: live.New(nil, p, nil, nil)})
	if err == nil || !strings.Contains(err.Error(), "where ARP is heard") {
		t.Errorf("without a client: seen %v, want that no client hears ARP", err)
	}
}
