package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	validator6 "github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/scenario"
)

func TestSchemaIsWhatTheTypesGive(t *testing.T) {
	t.Chdir("../..")
	want, err := generateSchema()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(schemaFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs from the types (%v); run `go run ./tools/reference`", schemaFile, err)
	}
}

func glob(t *testing.T, pattern string, least int) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) < least {
		t.Fatalf("%s: seen %d files (%v), want at least %d", pattern, len(files), err, least)
	}
	return files
}

// TestSchemaTakesValidFiles checks that the schema accepts the files that Load accepts.
func TestSchemaTakesValidFiles(t *testing.T) {
	data, err := scenario.Schema()
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
	for _, file := range slices.Concat(glob(t, "../../lab/scenario/testdata/valid-*.yaml", 19),
		glob(t, "../../scenarios/*/*.yaml", 32), glob(t, "../../scenarios/bugs/*/*.yaml", 23)) {
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
