package plan_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// TestPasswordsStayOutOfWhatIsWritten checks that a password is in the plan for a router's configuration, and in no
// written form of the plan.
func TestPasswordsStayOutOfWhatIsWritten(t *testing.T) {
	s, err := scenario.Load("../scenario/testdata/valid-peering.yaml", lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "secrets", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	const password = "a+b/c="
	n := p.Routers[0].BGP.Neighbors[0]
	if got, ok := n.Password.Reveal(); !ok || got != password {
		t.Fatalf("the plan has %q, %v", got, ok)
	}
	written, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"JSON": string(written), "text": p.Text(), "%v": fmt.Sprintf("%v %+v", n, n), "%#v": fmt.Sprintf("%#v", n.Password)} {
		if strings.Contains(text, password) {
			t.Errorf("%s tells the password", what)
		}
	}
	var back plan.Plan
	if err := json.Unmarshal(written, &back); err != nil {
		t.Fatal(err)
	}
	if got, ok := back.Routers[0].BGP.Neighbors[0].Password.Reveal(); ok {
		t.Errorf("what was read back passes for a password: %q", got)
	}
	inMap := struct{ Values map[string]scenario.Secret }{map[string]scenario.Secret{"password": scenario.Secret(scenario.Secret(password).String())}}
	s.Reveal(&back)
	s.Reveal(&inMap)
	for _, is := range []scenario.Secret{back.Routers[0].BGP.Neighbors[0].Password, inMap.Values["password"]} {
		if got, ok := is.Reveal(); !ok || got != password {
			t.Errorf("with the scenario, what was read back has %q, %v; want the password", got, ok)
		}
	}
	s.Spec.Routers[0].BGP.Peers[0].Password = "another-one"
	other, err := plan.Make(s, "secrets", plan.Host{})
	if err != nil || other.Hash == p.Hash {
		t.Errorf("another password makes the same lab: %v", err)
	}
}
