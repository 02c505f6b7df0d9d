package fault

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/system"
	"skidpad.dev/skidpad/lab/wait"
)

// State is the progress of a fault.
type State string

// The states.
const (
	Injecting State = "injecting" // begun; if the state lasts, the maker has died, and the fault may be partly in force
	InForce   State = "inForce"
	Clearing  State = "clearing" // being undone
	Failed    State = "failed"   // the undo failed; the fault may be in force
)

// record is the description of a fault on disk, written before the fault is made.
type record struct {
	ID    string `json:"id"`
	Lab   string `json:"lab"`
	Fault Made   `json:"fault"`
	State State  `json:"state"`
	Error string `json:"error,omitempty"` // the error of the undo
	// Since is the start of the injection. Until is the time when the fault undoes itself. Both are by the wall clock.
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
	// Began and Held are the start and the end of the injection, by timeline.Now. The fault came into force between Began and
	// Held.
	Began int64 `json:"began"`
	Held  int64 `json:"held,omitempty"`
	// Maker is the token of the guard that must be alive for the fault. "" is a fault that stays until Clear.
	Maker string `json:"maker,omitempty"`
	PID   int    `json:"pid"`
	// Hold is the thing changed by the fault. If several faults have the same hold, only the last fault to go restores the
	// hold.
	Hold string `json:"hold"`
	// Saved is the state of the hold before the first of these faults.
	Saved json.RawMessage `json:"saved,omitempty"`
}

// store keeps the records in a folder of the lab. Each record is a file.
type store struct {
	dir   string
	known []scenario.Member // the possible faults of records
}

func (s store) path(id string) string { return filepath.Join(s.dir, id+".json") }

// newID returns an ID that no fault of the lab has.
func (s store) newID() string {
	for {
		b := make([]byte, 3)
		_, _ = rand.Read(b) // never fails (crypto/rand)
		id := hex.EncodeToString(b)
		if _, err := os.Stat(s.path(id)); err != nil {
			return id
		}
	}
}

// write replaces the record's file, completely or not at all.
func (s store) write(r *record) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("faults of lab %s: %w", r.Lab, err)
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("lab bug: fault %s: %w", r.ID, err)
	}
	next := filepath.Join(s.dir, "."+r.ID+".new")
	if err := os.WriteFile(next, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("fault %s: %w", r.ID, err)
	}
	if err := os.Rename(next, s.path(r.ID)); err != nil {
		return fmt.Errorf("fault %s: %w", r.ID, err)
	}
	return nil
}

// read returns a record; the error is os.ErrNotExist if the fault is cleared.
func (s store) read(id string) (*record, error) {
	if id == "" || strings.ContainsAny(id, "./") {
		return nil, fmt.Errorf("fault %q: %w", id, os.ErrNotExist)
	}
	data, err := os.ReadFile(s.path(id))
	if err != nil {
		return nil, fmt.Errorf("fault %s: %w", id, err)
	}
	r, err := s.parse(data)
	if err != nil {
		return nil, fmt.Errorf("fault %s: its file %s cannot be read: %w; `skidpad down` removes it", id, s.path(id), err)
	}
	return r, nil
}

// parse reads a record from JSON.
func (s store) parse(data []byte) (*record, error) {
	r := &record{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, err
	}
	return r, r.Fault.bind(s.known)
}

func (s store) remove(id string) error {
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("fault %s: %w", id, err)
	}
	return nil
}

// list returns all records, the oldest first.
func (s store) list() ([]*record, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	var all []*record
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || strings.HasPrefix(id, ".") {
			continue
		}
		r, err := s.read(id)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, bySince)
	return all, nil
}

func bySince(a, b *record) int { return a.Since.Compare(b.Since) }

// others returns the records of a hold except the record with the ID, the oldest first.
func (s store) others(hold, id string) ([]*record, error) {
	all, err := s.list()
	return slices.DeleteFunc(all, func(r *record) bool { return r.Hold != hold || r.ID == id }), err
}

// lock takes the lock on a hold. The lock keeps injections and undos of the hold apart, in all processes. The kernel releases
// the lock when the holder dies.
func (s store) lock(ctx context.Context, hold string) (release func(), err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	name := strings.ReplaceAll(hold, "/", "_")
	if strings.HasPrefix(hold, "filter/") {
		name = "filter" // each filter has a separate hold, and a lock file for each filter would pile up
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "."+name+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	err = wait.Until(ctx, wait.For{What: "lock " + f.Name(), Every: 10 * time.Millisecond}, func(context.Context) error {
		err := system.TryLock(f)
		switch {
		case errors.Is(err, system.ErrLocked):
			return fmt.Errorf("another process is at work on %s", hold)
		case err != nil:
			return wait.Stop(err)
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("faults: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}
