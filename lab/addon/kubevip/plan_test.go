package kubevip_test

import (
	"encoding/json"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// TestPeers reads the list of peers from the Secret, and looks for the password in the plan's JSON.
func TestPeers(t *testing.T) {
	s, err := scenario.Load("../../scenario/testdata/valid-kube-vip.yaml", lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	seen, ok := p.Addon("kubeVip").Secrets[0].Values["peers"].Reveal()
	if want := "10.80.0.12:64514::true,10.80.0.11:64513:only-for-this-lab:false"; !ok || seen != want {
		t.Errorf("seen peers %q, wanted %q", seen, want)
	}
	record, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(record), "only-for-this-lab") {
		t.Error("the plan's record has the password")
	}
	var again plan.Plan
	if err := json.Unmarshal(record, &again); err != nil {
		t.Fatal(err)
	}
	if err := again.Scenario.Bind(lab.Kinds()); err != nil {
		t.Fatal(err)
	}
	remade, err := plan.Make(again.Scenario, "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	if _, known := remade.Addon("kubeVip").Secrets[0].Values["peers"].Reveal(); known {
		t.Error("a list of peers without the record's passwords passes for the list itself")
	}
}
