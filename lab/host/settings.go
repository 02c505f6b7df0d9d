package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Setting is a host setting (sysctl(8)) that a lab has changed.
type Setting struct {
	Name string `json:"name"` // fs.inotify.max_user_instances
	Was  string `json:"was"`
	Now  string `json:"now"`
}

// need is the minimum value of a setting.
type need struct {
	name  string
	least int
	why   string
}

// Raise raises the host settings that a cluster with this number of nodes needs, as few as possible: on most
// hosts none. Each change is recorded with the old value, and Restore restores the old value. If this user may
// not change settings, Raise logs the commands for root.
func Raise(nodes int, log func(string)) error {
	s, err := here()
	if err != nil {
		return err
	}
	return s.raise(needs(nodes, inotifyUsed("/proc")), log)
}

// Restore restores every setting that Raise changed, unless the setting was changed again since. Without a
// record, Restore does nothing.
func Restore() error {
	s, err := here()
	if err != nil {
		return err
	}
	return s.restore()
}

// Changed returns the settings that are changed at present.
func Changed() ([]Setting, error) {
	s, err := here()
	if err != nil {
		return nil, err
	}
	return s.recorded()
}

// settings changes files below a root, normally /proc/sys and another folder only in tests, and keeps the
// record in a file.
type settings struct{ root, record string }

func here() (settings, error) {
	dir, err := StateDir()
	return settings{root: "/proc/sys", record: filepath.Join(dir, "settings.json")}, err
}

func (s settings) path(name string) string {
	return filepath.Join(s.root, strings.ReplaceAll(name, ".", "/"))
}

func (s settings) get(name string) (string, error) {
	data, err := os.ReadFile(s.path(name))
	return strings.TrimSpace(string(data)), err
}

// number is get for numeric settings.
func (s settings) number(name string) (int, error) {
	text, err := s.get(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// raise changes the settings below their need. The record is written before the change: if the process is
// killed in between, a record without a change remains, and never a change without a record.
func (s settings) raise(needs []need, log func(string)) error {
	changed, err := s.recorded()
	if err != nil {
		return err
	}
	for _, n := range needs {
		seen, err := s.number(n.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("setting %s: %w", n.name, err)
		}
		if seen >= n.least {
			continue
		}
		now := strconv.Itoa(n.least)
		// The need is an estimate, so raise logs a message for a user who cannot change settings, and continues.
		if f, err := os.OpenFile(s.path(n.name), os.O_WRONLY, 0); err == nil {
			_ = f.Close()
		} else {
			log(fmt.Sprintf("%s is %d, %d wanted (%s); should nodes fail, run as root: sysctl -w %s=%d", n.name, seen, n.least, n.why, n.name, n.least))
			continue
		}
		changed = with(changed, Setting{Name: n.name, Was: strconv.Itoa(seen), Now: now})
		if err := s.write(changed); err != nil {
			return err
		}
		if err := os.WriteFile(s.path(n.name), []byte(now), 0o644); err != nil {
			return fmt.Errorf("setting %s: %d seen, %d wanted (%s): %w", n.name, seen, n.least, n.why, err)
		}
		log(fmt.Sprintf("%s: %d -> %s (%s); put back when the last lab goes", n.name, seen, now, n.why))
	}
	return nil
}

// with adds a change to the record. Restore returns to the value before the first change.
func with(changed []Setting, c Setting) []Setting {
	for i, old := range changed {
		if old.Name == c.Name {
			changed[i].Now = c.Now
			if old.Now != c.Was && old.Was != c.Was {
				changed[i].Was = c.Was // another program set the value meanwhile
			}
			return changed
		}
	}
	return append(changed, c)
}

func (s settings) restore() error {
	changed, err := s.recorded()
	if err != nil || len(changed) == 0 {
		return err
	}
	for _, c := range changed {
		if seen, err := s.get(c.Name); err != nil || seen != c.Now {
			continue
		}
		if err := os.WriteFile(s.path(c.Name), []byte(c.Was), 0o644); err != nil {
			return fmt.Errorf("setting %s: it cannot be put back to %s: %w\n  do: as root, run: sysctl -w %s=%s", c.Name, c.Was, err, c.Name, c.Was)
		}
	}
	return os.Remove(s.record)
}

func (s settings) recorded() ([]Setting, error) {
	data, err := os.ReadFile(s.record)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("record of changed settings: %w", err)
	}
	var changed []Setting
	if err := json.Unmarshal(data, &changed); err != nil {
		return nil, fmt.Errorf("record of changed settings %s: %w; remove it", s.record, err)
	}
	return changed, nil
}

func (s settings) write(changed []Setting) error {
	data, err := json.MarshalIndent(changed, "", "  ")
	if err != nil {
		return err
	}
	fresh := s.record + ".new"
	if err := os.WriteFile(fresh, data, 0o600); err != nil {
		return fmt.Errorf("record of changed settings: %w", err)
	}
	return os.Rename(fresh, s.record)
}
