package scenario

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	validator6 "github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// generateSchema reflects the types; descriptions are their doc comments.
func generateSchema() ([]byte, error) {
	r := &jsonschema.Reflector{Mapper: scalarSchema, ExpandedStruct: true}
	if err := r.AddGoComments("skidpad.dev/skidpad/lab/scenario", "./"); err != nil {
		return nil, err
	}
	for key, comment := range r.CommentMap {
		r.CommentMap[key] = strings.Join(strings.Fields(comment), " ")
	}
	s := r.Reflect(&Scenario{})
	s.Title = "skidpad scenario"
	one := uint64(1)
	for _, union := range []string{"Addon", "Workload", "Check"} {
		s.Definitions[union].MinProperties, s.Definitions[union].MaxProperties = &one, &one
	}
	return json.MarshalIndent(s, "", "  ")
}

// scalarSchema describes the types that a file spells as strings.
func scalarSchema(t reflect.Type) *jsonschema.Schema {
	if enum := enumOf(t); enum != nil {
		s := &jsonschema.Schema{Type: "string"}
		for _, v := range enum {
			s.Enum = append(s.Enum, v)
		}
		return s
	}
	switch t {
	case reflect.TypeFor[netip.Prefix]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9a-f.:]+/[0-9]+$`, Examples: []any{"192.0.2.0/24"}}
	case reflect.TypeFor[netip.Addr]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9a-f.:]+$`, Examples: []any{"203.0.113.50"}}
	case reflect.TypeFor[Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9.]+(ns|us|µs|ms|s|m|h))+$`, Examples: []any{"100ms", "9s"}}
	}
	return nil
}

func TestSchema(t *testing.T) {
	want, err := generateSchema()
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("schema.json is not what the types give; run `go test ./lab/scenario -update`")
	}
}

// TestSchemaTakesValidFiles holds that editors do not object to what Load takes.
func TestSchemaTakesValidFiles(t *testing.T) {
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := validator6.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	compiler := validator6.NewCompiler()
	if err := compiler.AddResource("scenario.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range slices.Concat(glob(t, "testdata/valid-*.yaml", 19), shipped(t)) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err = yaml.YAMLToJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		value, err := validator6.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
