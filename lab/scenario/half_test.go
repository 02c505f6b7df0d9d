package scenario_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/scenario"
)

// shippedBugs is the least number of bugs under scenarios/bugs.
const shippedBugs = 54

func TestShippedBugs(t *testing.T) {
	for _, file := range glob(t, "../../scenarios/bugs/*/scenario.yaml", shippedBugs) {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			s, err := scenario.Load(file, lab.Kinds())
			if err != nil {
				t.Fatal(err)
			}
			if folder := filepath.Base(filepath.Dir(file)); s.Metadata.Name != folder || s.Bug == nil {
				t.Errorf("metadata.name %q, bug %v: want the folder's name %q and a bug", s.Metadata.Name, s.Bug != nil, folder)
			}
			glob(t, filepath.Join(filepath.Dir(file), "README.md"), 1)
		})
	}
}

// TestHalfOfItself checks for every scenario that a half without set values equals the scenario.
func TestHalfOfItself(t *testing.T) {
	for _, file := range glob(t, "../../scenarios/*/scenario.yaml", 2) {
		s, err := scenario.Load(file, lab.Kinds())
		if err != nil {
			t.Fatal(err)
		}
		half, err := s.Half(scenario.Half{What: "nothing set"})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		s.Spec.Checks = nil
		if a, b := toText(t, s.Spec), toText(t, half.Spec); a != b {
			t.Errorf("%s: seen\n%s\nwant\n%s", file, b, a)
		}
	}
}

func TestHalfSets(t *testing.T) {
	s, err := scenario.Load("testdata/valid-bug.yaml", lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	broken, err := s.Half(s.Bug.Broken)
	if err != nil {
		t.Fatal(err)
	}
	fixed, err := s.Half(*s.Bug.Fixed)
	if err != nil {
		t.Fatal(err)
	}
	if b, f := broken.Spec.Addons[0].Fields.(*cilium.Addon), fixed.Spec.Addons[0].Fields.(*cilium.Addon); b.Version != "1.18.1" || f.Version != "1.18.2" || f.Values["debug"] == nil {
		t.Errorf("seen %v and %v", b, f)
	}
	if broken.Bug != nil {
		t.Error("a half still has the bug")
	}
	if _, err := s.Half(scenario.Half{What: "x", Set: map[string]any{"routers[9].name": "r"}}); err == nil || !strings.Contains(err.Error(), "index below") {
		t.Errorf("seen %v", err)
	}
}

func toText(t *testing.T, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestHalfHasPasswords checks that a half has the passwords of the scenario, of routers and of nodes.
func TestHalfHasPasswords(t *testing.T) {
	s, err := scenario.Load("../addon/cilium/testdata/tenants.yaml", lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	half, err := s.Half(scenario.Half{What: "nothing set"})
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []scenario.Secret{half.Spec.Routers[0].BGP.Peers[0].Password, half.Spec.NodeSpeaker().Peers[0].Password} {
		if secret, ok := of.Reveal(); !ok || secret != "open-sesame" {
			t.Errorf("seen %s (%v), want the password", of, ok)
		}
	}
}
