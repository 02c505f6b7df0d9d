package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func ciliumBuilder(t *testing.T) *Builder {
	t.Helper()
	b, err := New(nil, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPinnedCiliumIsDerived(t *testing.T) {
	b := ciliumBuilder(t)
	src, err := b.ciliumSource("")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Skip("no go command: ", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(cache)), ciliumModule+"@v"+src.version)
	upstream, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Skip("the pinned Cilium is not in the module cache: ", err)
	}
	if got := string(src.goMod(upstream)); got != string(src.mod) {
		t.Errorf("%s/go.mod is not what is derived from Cilium %s; derived:\n%s", modCilium, src.version, got)
	}
	upstream, err = os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	var rest []string
	for line := range strings.Lines(string(src.sum)) {
		if !strings.HasPrefix(line, ciliumModule+" v"+src.version) {
			rest = append(rest, line)
		}
	}
	if strings.Join(rest, "") != string(upstream) {
		t.Errorf("%s/go.sum is not Cilium %s's with the lines of Cilium itself added", modCilium, src.version)
	}
}

func TestCiliumGoMod(t *testing.T) {
	const upstream = `module github.com/cilium/cilium

go 1.25.0

require github.com/spf13/cobra v1.10.2

// A fork.
replace sigs.k8s.io/controller-tools => github.com/cilium/controller-tools v0.16.5-1

tool golang.org/x/tools/cmd/goimports

tool (
	github.com/cilium/ebpf/cmd/bpf2go
	k8s.io/code-generator // a script
)
`
	const head = `module skidpad.dev/skidpad/tools/images/cilium

go 1.25.0

require github.com/spf13/cobra v1.10.2

// A fork.
replace sigs.k8s.io/controller-tools => github.com/cilium/controller-tools v0.16.5-1

`
	for _, tt := range []struct {
		src  ciliumSource
		want string
	}{
		{ciliumSource{version: "1.19.4"}, head + "require github.com/cilium/cilium v1.19.4\n"},
		{ciliumSource{version: "1.20.0-dev", checkout: "/src/cilium"},
			head + "require github.com/cilium/cilium v0.0.0\n\nreplace github.com/cilium/cilium => /src/cilium\n"},
	} {
		if got := string(tt.src.goMod([]byte(upstream))); got != tt.want {
			t.Errorf("go.mod for %+v:\n%s\nwant:\n%s", tt.src, got, tt.want)
		}
	}
}

func TestEnvoyRevision(t *testing.T) {
	for _, tt := range []struct{ dockerfile, want string }{
		{"ARG A=b\nARG CILIUM_ENVOY_IMAGE=reg.example/cilium/cilium-envoy:v1.36.8-1781157951-a7f42a33@sha256:326f\n", "a7f42a33"},
		{"ARG CILIUM_ENVOY_IMAGE=reg.example/cilium/cilium-envoy:a7f42a33@sha256:326f\n", "a7f42a33"},
		{"FROM scratch\n", ""},
	} {
		if got := envoyRevision([]byte(tt.dockerfile)); got != tt.want {
			t.Errorf("Envoy revision of %q: %q, want %q", tt.dockerfile, got, tt.want)
		}
	}
}

func TestReleaseStamp(t *testing.T) {
	for _, tt := range []struct{ info, want string }{
		{`{"Version":"v1.19.5","Time":"2026-06-16T10:54:31Z","Origin":{"Hash":"20eaccfef029cb046d70219717fb6dbbdf27a59f"}}`,
			"1.19.5 20eaccfe 2026-06-16T10:54:31Z"},
		{`{"Version":"v1.19.5","Time":"2026-06-16T10:54:31Z"}`, "1.19.5 unknown 2026-06-16T10:54:31Z"},
	} {
		if got, err := releaseStamp("1.19.5", []byte(tt.info)); err != nil || got != tt.want {
			t.Errorf("stamp of %s: %q, %v, want %q", tt.info, got, err, tt.want)
		}
	}
}

// checkout makes a small tree in the form of Cilium's repository.
func checkout(t *testing.T, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"go.mod":                      "module github.com/cilium/cilium\n\ngo 1.25.0\n",
		"go.sum":                      "",
		"VERSION":                     "1.20.0-dev\n",
		"daemon/main.go":              "package main\n\nfunc main() {\n}\n",
		"daemon/main_test.go":         "package main\n",
		"cilium-dbg/main.go":          "package main\n\nfunc main() {\n}\n",
		"plugins/cilium-cni/main.go":  "package main\n\nfunc init() {\n}\n\nfunc main() {\n}\n",
		"bpf/bpf_lxc.c":               "",
		"bpf/Makefile":                "",
		"bpf/lib/common.h":            "",
		"bpf/tests/a.c":               "",
		"bpf/complexity-tests/a.txt":  "",
		"vendor/example.com/a/a.go":   "package a\n",
		"images/cilium/Dockerfile":    "",
		"plugins/cilium-cni/doc.go":   "package main\n",
		"Documentation/index.rst":     "",
		"bpf/custom/bpf_custom.c":     "",
		"bpf/bpf_host.o":              "",
		"bpf/include/bpf/compiler.h":  "",
		"tools/mount/main.go":         "package main\n",
		"tools/mount/mount_test.go":   "package main\n",
		"cilium-health/cmd/cmd.go":    "package cmd\n",
		"install/kubernetes/cilium/a": "",
	}
	for name, data := range more {
		files[name] = data
	}
	for name, data := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCiliumCheckout(t *testing.T) {
	b := ciliumBuilder(t)
	dir := checkout(t, nil)
	src, err := b.ciliumSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	if src.tag() != "1.20.0-dev-local" {
		t.Errorf("tag %q, want 1.20.0-dev-local", src.tag())
	}
	if stamp, err := src.stamp(context.Background()); err != nil || len(strings.Fields(stamp)) != 3 {
		t.Errorf("stamp %q, %v: want three words", stamp, err)
	}
	for _, tt := range []struct {
		file    string
		changes bool
	}{{"daemon/main.go", true}, {"bpf/lib/common.h", true}, {"vendor/example.com/a/a.go", false}, {"Documentation/index.rst", false}} {
		patched, err := b.ciliumSource(checkout(t, map[string]string{tt.file: "package main // patched\n"}))
		if err != nil {
			t.Fatal(err)
		}
		if changed := patched.programsKey() != src.programsKey(); changed != tt.changes {
			t.Errorf("a patch of %s makes other programs: %v, want %v", tt.file, changed, tt.changes)
		}
	}
	if _, err := b.ciliumSource(t.TempDir() + "/"); err == nil || !strings.Contains(err.Error(), "no checkout of Cilium") {
		t.Errorf("an empty folder as checkout: error %v, want the missing parts", err)
	}
}

func TestJointModule(t *testing.T) {
	dir, module := checkout(t, nil), t.TempDir()
	src := ciliumSource{version: "1.20.0-dev", checkout: dir}
	if err := src.writeModule(dir, module); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"agent/main.go": "package agent\n\nfunc Main() {\n}\n",
		"cni/main.go":   "package cni\n\nfunc Init() {\n}\n\nfunc Main() {\n}\n",
		"cni/doc.go":    "package cni\n",
	} {
		if got, err := os.ReadFile(filepath.Join(module, file)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", file, got, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(module, "agent", "main_test.go")); err == nil {
		t.Error("tests were copied")
	}
	cmd := exec.Command("go", "vet", "./"+ciliumJoint)
	cmd.Dir, cmd.Env = module, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		main, _ := os.ReadFile(filepath.Join(module, ciliumJoint, "main.go"))
		t.Errorf("the joint program does not compile: %v\n%s\n%s", err, out, main)
	}
}

func TestCiliumFiles(t *testing.T) {
	programs := t.TempDir()
	for _, name := range []string{ciliumJoint, "cilium-mount", "cilium-operator-generic"} {
		if err := os.WriteFile(filepath.Join(programs, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := ciliumFiles(checkout(t, nil), programs)
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, e := range entries {
		has[e.Path] = true
	}
	for file, want := range map[string]bool{
		"/usr/bin/cilium-agent": true, "/usr/bin/cilium-dbg": true, "/opt/cni/bin/cilium-cni": true,
		"/usr/bin/cilium-mount": true, "/usr/bin/cilium-operator-generic": false, "/usr/bin/cilium-health": false,
		"/usr/bin/hubble": false, "/install-plugin.sh": true, "/init-container.sh": true, "/cni-uninstall.sh": true,
		"/var/lib/cilium/bpf/bpf_lxc.c": true, "/var/lib/cilium/bpf/lib/common.h": true,
		"/var/lib/cilium/bpf/include/bpf/compiler.h": true, "/var/lib/cilium/bpf/Makefile": false,
		"/var/lib/cilium/bpf/tests/a.c": false, "/var/lib/cilium/bpf/bpf_host.o": false,
		"/var/lib/cilium/bpf/custom/bpf_custom.c": false, "/var/lib/cilium/bpf/complexity-tests/a.txt": false,
	} {
		if has[file] != want {
			t.Errorf("%s in the image: %v, want %v", file, has[file], want)
		}
	}
}

func TestCiliumKeys(t *testing.T) {
	b := ciliumBuilder(t)
	seen := map[string]string{}
	for _, version := range []string{"", "1.19.4", "1.18.2"} {
		for _, make := range []func(string) (Recipe, error){b.Cilium, b.CiliumOperator} {
			r, err := make(version)
			if err != nil {
				t.Fatal(err)
			}
			if other := seen[r.Key]; other != "" {
				t.Errorf("%s and %s have the same key", r.Ref(), other)
			}
			seen[r.Key] = r.Ref()
		}
	}
	pinned, err := b.Cilium("v1.19.5")
	if err != nil {
		t.Fatal(err)
	}
	if seen[pinned.Key] != pinned.Ref() {
		t.Errorf("1.19.5 by name is %s, but not what is pinned", pinned.Ref())
	}
}
