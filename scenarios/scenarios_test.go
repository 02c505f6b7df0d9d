package scenarios

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
)

// TestVariantsHaveAName finds the file of each variant by its name, and a name for each file beside a scenario.
func TestVariantsHaveAName(t *testing.T) {
	names, err := Variants(FS)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range names {
		found = append(found, File(FS, name))
	}
	files, err := fs.Glob(FS, "*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if d, _ := fs.Stat(FS, f); d.Name() != "scenario.yaml" && !slices.Contains(found, f) {
			t.Errorf("no name finds %s; want metadata.name FOLDER-FILE", f)
		}
	}
	if len(names) < 20 {
		t.Errorf("seen %d variants, want at least 20", len(names))
	}
}

func TestOtherFilesAreNoVariants(t *testing.T) {
	folder := fstest.MapFS{
		"a/scenario.yaml":   {Data: []byte("kind: Scenario\nmetadata: {name: a}")},
		"a/values.yaml":     {Data: []byte("replicas: 2")},
		"a/broken.yaml":     {Data: []byte(": :\n\t")},
		"a/b-c.yaml":        {Data: []byte("kind: Scenario\nmetadata: {name: a-b-c}")},
		"a-b/scenario.yaml": {Data: []byte("kind: Scenario\nmetadata: {name: a-b}")},
	}
	if names, err := Variants(folder); err != nil || !slices.Equal(names, []string{"a-b-c"}) {
		t.Errorf("seen %q, %v; want a-b-c alone", names, err)
	}
	for name, want := range map[string]string{"a": "a/scenario.yaml", "a-b": "a-b/scenario.yaml", "a-b-c": "a/b-c.yaml", "none": "none/scenario.yaml", "": "scenario.yaml"} {
		if got := File(folder, name); got != want {
			t.Errorf("%q: seen %s, want %s", name, got, want)
		}
	}
}
