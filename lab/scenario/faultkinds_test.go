package scenario

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every kind has a field of a fault, and every other field is taken by a kind.
func TestFaultKindsAreTheFieldsOfAFault(t *testing.T) {
	var known []string
	for _, f := range fieldsOf(reflect.TypeFor[Fault]()) {
		known = append(known, f.name)
	}
	for _, a := range FaultKinds() {
		if !slices.Contains(known, string(a.Kind)) {
			t.Errorf("%s is no field of a fault", a.Kind)
		}
		for _, name := range append(a.Needs, a.Takes...) {
			if !slices.Contains(known, name) {
				t.Errorf("%s takes %s, which is no field of a fault", a.Kind, name)
			}
		}
		if a.May("peer") != (a.Peers != FaultWithoutPeer) {
			t.Errorf("%s: takes a peer: %t, but its sort of peer is %d", a.Kind, a.May("peer"), a.Peers)
		}
	}
	for _, o := range (Fault{}).options() {
		if !slices.ContainsFunc(FaultKinds(), func(a AboutFault) bool { return a.May(o.name) }) {
			t.Errorf("no kind takes the field %s", o.name)
		}
	}
}

// The file with every kind is complete, so the tests of valid files and of the schema cover every kind and field.
func TestOneFileHasEveryFault(t *testing.T) {
	s, err := Load("testdata/valid-faults.yaml", kinds)
	if err != nil {
		t.Fatal(err)
	}
	verbs, fields := map[string]bool{}, map[string]bool{}
	take := func(f Fault) {
		verb, _ := f.Verb()
		verbs[verb] = true
		for _, o := range f.options() {
			if !o.value.IsZero() {
				fields[verb+"."+o.name] = true
			}
		}
	}
	for _, c := range s.Spec.Checks {
		data, err := json.Marshal(c.Fields)
		if err != nil {
			t.Fatal(err)
		}
		var of struct{ Fault Fault }
		if err := json.Unmarshal(data, &of); err != nil {
			t.Fatal(err)
		}
		take(of.Fault)
	}
	inChecks := len(verbs)
	for _, step := range s.Bug.Trigger {
		if step.Fault != nil {
			take(*step.Fault)
		}
	}
	if inChecks == 0 || inChecks == len(verbs) {
		t.Errorf("seen %d kinds in checks of %d in all, want some in checks and some in steps", inChecks, len(verbs))
	}
	for _, a := range FaultKinds() {
		if !verbs[string(a.Kind)] {
			t.Errorf("testdata/valid-faults.yaml has no %s", a.Kind)
		}
		for _, name := range append(a.Needs, a.Takes...) {
			if !fields[string(a.Kind)+"."+name] {
				t.Errorf("testdata/valid-faults.yaml has no %s with %s", a.Kind, name)
			}
		}
	}
}

func TestFaultInWords(t *testing.T) {
	for want, f := range map[string]Fault{
		"kill r1":                                {Kill: "r1"},
		"link fabric of r1 down":                 {LinkDown: "r1", Network: "fabric"},
		"link of client down (for 5s)":           {LinkDown: "client", For: Duration(5 * time.Second)},
		"kill cilium-agent on all nodes":         {KillProcess: AllNodes, Process: "cilium-agent"},
		"drop bfd at r1 in":                      {Drop: "r1", Proto: "bfd", Direction: "in"},
		"drop bgp at r1 (peer r2)":               {Drop: "r1", Proto: "bgp", Peer: "r2"},
		"loss at r1 (percent 12.5)":              {Loss: "r1", Percent: 12.5},
		"reset the sessions of r1":               {BGPClear: "r1"},
		"partition r1 from r2":                   {Partition: "r1", Peer: "r2"},
		"latency at r1 (delay 50ms, jitter 5ms)": {Latency: "r1", Delay: Duration(50 * time.Millisecond), Jitter: Duration(5 * time.Millisecond)},
	} {
		if got := f.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, a := range FaultKinds() {
		f := Fault{}
		v := reflect.ValueOf(&f).Elem()
		for _, x := range fieldsOf(v.Type()) {
			if x.name == string(a.Kind) {
				v.FieldByIndex(x.index).SetString("target")
			}
		}
		if verb, node := f.Verb(); verb != string(a.Kind) || node != "target" {
			t.Errorf("%s is read as %s of %s", a.Kind, verb, node)
		}
		if !strings.Contains(f.String(), "target") {
			t.Errorf("%s in words, without its target: %s", a.Kind, f)
		}
	}
}
