package fault

import (
	"os"
	"path/filepath"
	"testing"

	"skidpad.dev/skidpad/lab/labtest/small"
)

// FuzzJournal reads any bytes as a lab's journal of faults.
func FuzzJournal(f *testing.F) {
	path := filepath.Join(f.TempDir(), journalName)
	f.Add([]byte(`{"pid":1,"event":{"at":1,"wall":"2026-11-20T10:00:00Z","lane":"fault","subject":"r1","kind":"inject","text":"kill r1"}}` + "\n"))
	f.Add([]byte("{}\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		small.Reader(t, func() {
			j := journal{path: path}
			for {
				before := j.offset
				if _, err := j.next(); err != nil || j.offset == before {
					break
				}
			}
		})
	})
}

// FuzzRecord reads any bytes as the record of a fault, and checks that every readable record can be written again.
func FuzzRecord(f *testing.F) {
	s := store{dir: f.TempDir(), known: kinds.Faults}
	f.Add([]byte(`{"id":"a1b2c3","lab":"l","fault":{"kind":"kill","node":"r1"},"state":"inForce","since":"2026-11-20T10:00:00Z","began":1,"pid":1,"hold":"r1","saved":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(s.path("a1b2c3"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		small.Reader(t, func() {
			r, err := s.read("a1b2c3")
			if err != nil {
				return
			}
			if r.ID = "a1b2c3"; s.write(r) != nil {
				t.Errorf("%+v is not written again", r)
			}
			if _, err := s.list(); err != nil {
				t.Error(err)
			}
		})
	})
}
