package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/host/caps"
)

const spec = `{
  "ociVersion": "1.0.2-dev",
  "process": {
    "args": ["/sbin/init"],
    "capabilities": {
      "bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_FROM_THE_FUTURE"],
      "effective": ["CAP_CHOWN", "CAP_SYS_RESOURCE"],
      "inheritable": null
    },
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1024}]
  },
  "linux": {"maskedPaths": ["/proc/<&>"]}
}`

func TestFitConfig(t *testing.T) {
	granted := caps.UpTo(40).Without(caps.Of("SYS_RESOURCE"))
	got, changed, err := fitConfig([]byte(spec), granted)
	if err != nil || !changed {
		t.Fatalf("changed %v, error %v", changed, err)
	}
	want := `{"ociVersion": "1.0.2-dev",
	  "process": {"args": ["/sbin/init"],
	    "capabilities": {"bounding": ["CAP_CHOWN", "CAP_FROM_THE_FUTURE"], "effective": ["CAP_CHOWN"], "inheritable": null},
	    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1024}]},
	  "linux": {"maskedPaths": ["/proc/<&>"]}}`
	same(t, got, want)
	again, changed, err := fitConfig(got, granted)
	if err != nil || changed || string(again) != string(got) {
		t.Errorf("a second time: changed %v, error %v", changed, err)
	}
}

func TestFitLeavesAlone(t *testing.T) {
	all := caps.UpTo(40)
	for name, c := range map[string]struct {
		text string
		fit  func([]byte, caps.Set) ([]byte, bool, error)
	}{
		"everything granted": {spec, fitConfig},
		"no process":         {`{"linux": {}}`, fitConfig},
		"no capabilities":    {`{"process": {"args": []}}`, fitConfig},
		"null capabilities":  {`{"capabilities": null}`, fitProcess},
		"process, granted":   {`{"capabilities": {"ambient": ["CAP_BPF"]}}`, fitProcess},
	} {
		got, changed, err := c.fit([]byte(c.text), all)
		if err != nil || changed || string(got) != c.text {
			t.Errorf("%s: changed %v, error %v, %s", name, changed, err, got)
		}
	}
	if _, _, err := fitConfig([]byte(`{"process": `), all); err == nil {
		t.Error("half a file: no error")
	}
}

func TestFitFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "process.json")
	if err := os.WriteFile(path, []byte(`{"cwd": "/", "capabilities": {"permitted": ["CAP_KILL", "CAP_SYS_TIME"]}}`), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := fitFile(path, false, caps.Of("KILL")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, `{"cwd": "/", "capabilities": {"permitted": ["CAP_KILL"]}}`)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, error %v, want 0640", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".ocifit-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSpecFile(t *testing.T) {
	for _, c := range []struct {
		args     []string
		path     string
		isConfig bool
	}{
		{[]string{"--root", "/run/r", "--log", "/l.json", "--log-format", "json", "create", "--bundle", "/b", "--pid-file", "/p", "ID"}, "/b/config.json", true},
		{[]string{"--systemd-cgroup", "run", "-b", "/b", "ID"}, "/b/config.json", true},
		{[]string{"run", "--bundle=/b", "ID"}, "/b/config.json", true},
		{[]string{"create", "ID"}, "config.json", true},
		{[]string{"--root=/r", "exec", "--process", "/tmp/p.json", "--detach", "ID"}, "/tmp/p.json", false},
		{[]string{"exec", "-p", "/tmp/p.json", "ID"}, "/tmp/p.json", false},
		{[]string{"exec", "ID", "true"}, "", false},
		{[]string{"--root", "create", "delete", "--force", "ID"}, "", false},
		{[]string{"--version"}, "", false},
		{nil, "", false},
	} {
		path, isConfig := specFile(c.args)
		if path != c.path || isConfig != c.isConfig {
			t.Errorf("%v: %q %v, want %q %v", c.args, path, isConfig, c.path, c.isConfig)
		}
	}
}

// same compares JSON with numbers as written.
func same(t *testing.T, got []byte, want string) {
	t.Helper()
	decode := func(text string) (v any) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v
	}
	if !reflect.DeepEqual(decode(string(got)), decode(want)) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
