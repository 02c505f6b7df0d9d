package host

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestKnock(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if err := knock(t.Context(), "unix://"+stale); err != nil {
		t.Errorf("somebody listens: %v", err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"stale": stale, "none": filepath.Join(dir, "none.sock")} {
		err := knock(t.Context(), "unix://"+path)
		var e *EngineError
		if !errors.As(err, &e) || e.Do == "" || !isAbsent(err) {
			t.Errorf("%s: %v, want an EngineError of an absent engine, with what to do", name, err)
		}
	}
	denied := &EngineError{Subject: "s", Seen: "w", Err: syscall.EACCES}
	if isAbsent(denied) {
		t.Error("permission denied is no absence: nothing may be installed for it")
	}
}

func TestLives(t *testing.T) {
	for _, c := range []struct {
		stat string
		want bool
	}{
		{"12 (dockerd) S 1 12 12 0", true},
		{"12 (dockerd) Z 1 12 12 0", false},
		{"12 (dockerd) X 1 12 12 0", false},
		{"12 (bash) S 1 12 12 0", false},
		{"12 (a) S (dockerd) S 1", false},
		{"12 (dockerd)", false},
		{"", false},
	} {
		if got := lives(c.stat, "dockerd"); got != c.want {
			t.Errorf("%q: %v, want %v", c.stat, got, c.want)
		}
	}
}

func TestProcessOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	for _, text := range []string{"", "x", "1\n", "4194305\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if pid, running := processOf(path, "no-such-program"); running {
			t.Errorf("pid file %q: process %d runs, want none", text, pid)
		}
	}
}

func TestConfigIn(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"dockerd"}, "/etc/docker/daemon.json"},
		{[]string{"dockerd", "--config-file", "/a.json", ""}, "/a.json"},
		{[]string{"dockerd", "-H", "fd://", "--config-file=/a.json"}, "/a.json"},
		{[]string{"dockerd", "config-file", "/a.json"}, "/etc/docker/daemon.json"},
	} {
		if got := configIn(c.args); got != c.want {
			t.Errorf("%v: %s, want %s", c.args, got, c.want)
		}
	}
}

func TestWithRuntime(t *testing.T) {
	const ours = `"default-runtime": "ocifit"`
	for name, c := range map[string]struct {
		old     string
		changed bool
		wants   []string
	}{
		"none":      {"", true, []string{ours, runtimePath}},
		"empty":     {"{}\n", true, []string{ours, runtimePath}},
		"others":    {`{"log-level": "warn", "runtimes": {"kata": {"path": "/k"}}, "default-runtime": "runc"}`, true, []string{ours, `"log-level": "warn"`, `"path": "/k"`}},
		"there":     {`{"default-runtime": "ocifit", "runtimes": {"ocifit": {"path": "` + runtimePath + `"}}}`, false, []string{ours}},
		"old place": {`{"default-runtime": "ocifit", "runtimes": {"ocifit": {"path": "/old"}}}`, true, []string{ours, runtimePath}},
	} {
		got, changed, err := withRuntime([]byte(c.old))
		if err != nil || changed != c.changed {
			t.Errorf("%s: changed %v, error %v", name, changed, err)
		}
		for _, want := range c.wants {
			if !strings.Contains(string(got), want) {
				t.Errorf("%s: %s lacks %s", name, got, want)
			}
		}
	}
	for _, bad := range []string{`{"default-runtime": "kata"}`, `{"runtimes": []}`, `{`} {
		if _, _, err := withRuntime([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestConfigureKeepsTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docker", "daemon.json")
	var said []string
	log := func(s string) { said = append(said, s) }
	if err := configure(path, log); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"debug": true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := configure(path, log); err != nil {
		t.Fatal(err)
	}
	if err := configure(path, log); err != nil {
		t.Fatal(err)
	}
	if backup, err := os.ReadFile(path + ".before-skidpad"); err != nil || string(backup) != `{"debug": true}` {
		t.Errorf("backup: %s, error %v", backup, err)
	}
	if len(said) != 2 {
		t.Errorf("%d changes told, want 2: %q", len(said), said)
	}
}

func TestDaemonEnv(t *testing.T) {
	own := map[string]string{"PATH": "/opt/bin", "SKIDPAD_LAB": "x", "DOCKER_HOST": "tcp://h:1", "https_proxy": "http://p"}
	got := daemonEnv(func(name string) string { return own[name] })
	want := []string{"PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "https_proxy=http://p"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestExecutable(t *testing.T) {
	for arch, code := range codes() {
		f, err := elf.NewFile(bytes.NewReader(executable(code)))
		if err != nil {
			t.Fatalf("%s: %v", arch, err)
		}
		text := make([]byte, len(code.text))
		p := f.Progs[0]
		if _, err := p.ReadAt(text, int64(f.Entry-p.Vaddr)); err != nil || !bytes.Equal(text, code.text) {
			t.Errorf("%s: the entry does not point at the code: %v", arch, err)
		}
		if f.Type != elf.ET_EXEC || p.Flags != elf.PF_R|elf.PF_X {
			t.Errorf("%s: type %v, flags %v", arch, f.Type, p.Flags)
		}
	}
}

func TestIsDebianRelease(t *testing.T) {
	for text, want := range map[string]bool{
		"PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n": true,
		"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n":        true,
		"ID=ubuntu\n":                         true,
		"ID=\"fedora\"\nPRETTY_NAME=debian\n": false,
		"":                                    false,
	} {
		if got := isDebianRelease(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestTail(t *testing.T) {
	if got, want := tail("a\n\nb\n c \n", 2), "b\n    c"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := tail("", 3); got != "" {
		t.Errorf("%q, want nothing", got)
	}
}

func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := lockFile(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("held: %v, want the deadline", err)
	}
	unlock()
	unlock, err = lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
