package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	validator6 "github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestGeneratedFilesAreWhatTheTypesGive(t *testing.T) {
	t.Chdir("../..")
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range want {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s is not what the types give (%v); run `go run ./tools/reference`", name, err)
		}
	}
	for _, name := range glob(t, pagesDir+"*.md", 3) {
		if want[name] == nil {
			t.Errorf("%s is no page that is generated; remove it", name)
		}
	}
}

// TestEveryMemberHasAnExample holds that a file that is run or loaded by a test has each member.
func TestEveryMemberHasAnExample(t *testing.T) {
	t.Chdir("../..")
	examples, err := readExamples()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kindPages(lab.Kinds()) {
		for _, m := range kind.members {
			if _, ok := shortest(examples, kind.entry, m.Name); !ok {
				t.Errorf("no file at %s has the member %s of %s", strings.Join(exampleFiles, ", "), m.Name, kind.title)
			}
		}
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
		glob(t, "../../scenarios/*/*.yaml", 32), glob(t, "../../scenarios/bugs/*/scenario.yaml", 54)) {
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
