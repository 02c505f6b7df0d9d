package fault

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/scenario"
)

// values of every optional field, as a file spells them. jitter is below delay.
var fieldValues = map[string]any{
	fieldNetwork: "fabric", fieldPeer: "r2", fieldProcess: "bgpd", fieldProto: ProtoBGP, fieldDirection: DirectionIn, fieldPercent: 12.5,
	fieldRate: "10mbit", fieldDelay: "50ms", fieldJitter: "5ms", fieldInterval: "200ms", fieldFor: "2s",
}

// Every kind, with every field that the kind takes, means the same in a scenario file and here.
func TestAScenariosFaultKeepsEveryField(t *testing.T) {
	used := map[string]bool{}
	for _, a := range Kinds() {
		in, want := map[string]any{string(a.Kind): "r1"}, map[string]any{"kind": string(a.Kind), "node": "r1"}
		for name, value := range fieldValues {
			if a.May(name) {
				in[name], want[name], used[name] = value, value, true
			}
		}
		for _, name := range append(a.Needs, a.Takes...) {
			if fieldValues[name] == nil {
				t.Errorf("%s takes %s, which no fault has", a.Kind, name)
			}
		}
		var f scenario.Fault
		convert(t, in, &f)
		var got map[string]any
		convert(t, Of(f), &got)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", a.Kind, got, want)
		}
		if problems := Of(f).shape(); len(problems) > 0 {
			t.Errorf("%s: %v", a.Kind, problems)
		}
	}
	if len(used) != len(fieldValues) {
		t.Errorf("only %d of %d fields are taken by a kind", len(used), len(fieldValues))
	}
}

// A scenario file spells every kind and every optional field of a fault, and nothing else.
func TestScenariosSpellEveryKindAndField(t *testing.T) {
	want := map[string]bool{}
	for _, a := range Kinds() {
		want[string(a.Kind)] = true
	}
	for name := range jsonNames(reflect.TypeFor[Fault]()) {
		if name == "id" || name == "kind" || name == "node" {
			continue
		}
		want[name] = true
		if fieldValues[name] == nil {
			t.Errorf("%s: no test gives the field a value", name)
		}
	}
	if got := jsonNames(reflect.TypeFor[scenario.Fault]()); !reflect.DeepEqual(got, want) {
		t.Errorf("scenarios spell %v, want %v", got, want)
	}
}

func jsonNames(t reflect.Type) map[string]bool {
	all := map[string]bool{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		all[name] = true
	}
	return all
}

// convert fills to from JSON, strictly.
func convert(t *testing.T, from, to any) {
	t.Helper()
	b, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		t.Fatal(err)
	}
}
