package fault

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// An ID comes from the command line, and must not name a file outside of the lab's folder.
func TestAnIDIsNoPath(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "outside.json"), []byte(`{"id":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := store{dir: filepath.Join(dir, "faults")}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"../outside", "", ".", "a/b"} {
		if r, err := s.read(id); r != nil || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: %v, %v", id, r, err)
		}
	}
}
