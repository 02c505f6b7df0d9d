package fleet

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestASuiteNamesScenariosByPathFileOrName(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "testdata", "native", "lab.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{file, filepath.Join(dir, "testdata", "native", "bird.conf")} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := &Pack{wanted: Wanted{Scenarios: []string{"frr-bfd"}}}
	seen, err := l.named(dir)
	want := map[string]string{"testdata/native/lab.yaml": file, "lab.yaml": file, "lab": file, "frr-bfd": "frr-bfd"}
	if err != nil || !maps.Equal(seen, want) {
		t.Errorf("seen %v, %v\nwant %v", seen, err, want)
	}
	if seen, err := l.named(t.TempDir()); err != nil || len(seen) != 1 {
		t.Errorf("without testdata: seen %v, %v; want the scenario alone", seen, err)
	}
}
