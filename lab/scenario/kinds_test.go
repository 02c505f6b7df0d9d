package scenario

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The members for tests: a fault {blow: NODE, hard: N} and signals {sound: {of: NODE}} and {name: TEXT}.
type (
	blow struct {
		Node string `json:"blow"`
		Hard int    `json:"hard,omitempty"`
	}
	sound struct {
		Of string `json:"of"`
	}
	called string

	testFault  struct{ Flat }
	testSignal struct{ Entry }
	testFile   struct {
		Faults  []testFault  `json:"faults,omitempty"`
		Signals []testSignal `json:"signals,omitempty"`
	}
)

func (b *blow) SetDefaults(*Spec)                   { Or(&b.Hard, 7) }
func (b *blow) Validate(v *Validation, path string) { v.Add(path, "hit %s", b.Node) }
func (*sound) SetDefaults(*Spec)                    {}
func (*sound) Validate(*Validation, string)         {}
func (*called) SetDefaults(*Spec)                   {}
func (*called) Validate(*Validation, string)        {}
func (*testFault) from(k Kinds) []Member            { return k.Faults }
func (*testFault) noun() string                     { return "fault" }
func (*testSignal) from(k Kinds) []Member           { return k.Signals }
func (*testSignal) noun() string                    { return "signal" }

var testKinds = Kinds{
	Faults:  []Member{{"blow", func() Fields { return &blow{} }}},
	Signals: []Member{{"sound", func() Fields { return &sound{} }}, {"name", func() Fields { return new(called) }}},
}

func decodeTest(t *testing.T, text string) (*testFile, []string) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	found, file := newProblems(""), &testFile{}
	decoder{problems: found, kinds: testKinds}.decode(doc.Content[0], reflect.ValueOf(file).Elem(), "", rule{})
	var all []string
	for _, p := range found.list {
		all = append(all, p.Path+": "+p.Message)
	}
	return file, all
}

const testText = `
faults: [{blow: r1, hard: 3}]
signals: [{sound: {of: r2}}, {name: three}]`

func TestMembersAreDecodedByTheirName(t *testing.T) {
	file, mistakes := decodeTest(t, testText)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	three := called("three")
	want := testFile{
		Faults:  []testFault{{Flat{Entry{Name: "blow", Fields: &blow{"r1", 3}}}}},
		Signals: []testSignal{{Entry{Name: "sound", Fields: &sound{"r2"}}}, {Entry{Name: "name", Fields: &three}}},
	}
	if !reflect.DeepEqual(*file, want) {
		t.Errorf("seen %+v, want %+v", *file, want)
	}
}

func TestMistakesOfMembersHaveTheirPath(t *testing.T) {
	for text, want := range map[string]string{
		"faults: [{puff: r1}]":                        "faults[0]: seen none of these, want one of: blow",
		"faults: [{blow: r1, soft: 1}]":               "faults[0].soft: seen an unknown field, want one of: blow, hard",
		"faults: [{blow: r1, hard: x}]":               "faults[0].hard: seen",
		"signals: [{smell: r1}]":                      "signals[0].smell: seen an unknown signal, want one of: sound, name",
		"signals: [{}]":                               "signals[0]: seen none of these, want one of: sound, name",
		"signals: [{sound: {of: r1}, name: x}]":       "signals[0]: seen 2 of these in one entry",
		"signals: [{sound: {from: r1}}]":              "signals[0].sound.from: seen an unknown field, want one of: of",
		"signals: [{sound: {}}]":                      "signals[0].sound.of: seen nothing",
		"signals: [sound]":                            `signals[0]: seen "sound", want a mapping`,
		"signals: [{name: {}}]":                       "signals[0].name: seen a mapping, want a string",
		"signals: [{sound: {of: a}, sound: {of: b}}]": "signals[0]: seen 2 of these",
	} {
		_, mistakes := decodeTest(t, text)
		if len(mistakes) == 0 || !strings.HasPrefix(mistakes[0], want) {
			t.Errorf("%s: seen %q, want %q first", text, mistakes, want)
		}
	}
}

// TestMembersComeBackFromJSON checks that members from JSON get back the types by name. The label of a lab has the scenario as
// JSON.
func TestMembersComeBackFromJSON(t *testing.T) {
	file, _ := decodeTest(t, testText)
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"faults":[{"blow":"r1","hard":3}],"signals":[{"sound":{"of":"r2"}},{"name":"three"}]}`; string(data) != want {
		t.Fatalf("seen %s, want %s", data, want)
	}
	var back testFile
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(back); err != nil || string(again) != string(data) {
		t.Errorf("seen %s (%v) before the types are known, want %s", again, err, data)
	}
	if err := bind(reflect.ValueOf(&back).Elem(), testKinds); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, file) {
		t.Errorf("seen %+v, want %+v", back, *file)
	}
	if err := json.Unmarshal([]byte(`{"signals":[{"smell":{}}]}`), &back); err != nil {
		t.Fatal(err)
	}
	if err := bind(reflect.ValueOf(&back).Elem(), testKinds); err == nil || !strings.Contains(err.Error(), `the signal "smell"`) {
		t.Errorf("seen %v, want an error that names the unknown signal", err)
	}
}
