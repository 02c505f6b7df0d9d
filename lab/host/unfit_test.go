package host

import (
	"runtime"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/system"
)

func TestUnfit(t *testing.T) {
	for name, c := range map[string]struct {
		api  string
		info system.Info
		want string // a part of the error
	}{
		"Docker 20.10": {"1.41", system.Info{OSType: "linux", SecurityOptions: []string{"name=seccomp,profile=default"}}, ""},
		"newer":        {"1.52", system.Info{OSType: "linux"}, ""},
		"too old":      {"1.40", system.Info{ServerVersion: "19.03.15"}, "version 19.03.15 with API 1.40\n  do: install Docker 20.10"},
		"rootless":     {"1.47", system.Info{OSType: "linux", SecurityOptions: []string{"name=rootless"}}, "rootless"},
		"Windows":      {"1.47", system.Info{OSType: "windows"}, "Linux containers"},
	} {
		err := unfit("tcp://far:2375", c.api, c.info)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: seen %v, want %q", name, err, c.want)
		}
	}
}

func TestArchFinding(t *testing.T) {
	own := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	if f := archFinding(system.Info{Architecture: own}); f.Status != OK {
		t.Errorf("this machine's own: %+v", f)
	}
	if f := archFinding(system.Info{Architecture: "riscv64"}); f.Status != Warn || !strings.Contains(f.Do, "skidpad-linux-riscv64") {
		t.Errorf("another: %+v", f)
	}
}
