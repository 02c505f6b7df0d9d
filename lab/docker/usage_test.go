package docker

import (
	"strings"
	"testing"
	"time"
)

func TestCounterOfProcessorTime(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for _, c := range []struct{ cgroups, file, key string }{
		{"3:cpuset:/docker/" + id + "\n2:cpu,cpuacct:/docker/" + id + "\n0::/docker/" + id + "\n", "cpu,cpuacct/docker/" + id + "/cpuacct.usage", ""},
		{"2:cpuacct:/docker/" + id + "/init.scope\n", "cpuacct/docker/" + id + "/cpuacct.usage", ""},
		{"0::/system.slice/docker-" + id + ".scope/init.scope\n", "system.slice/docker-" + id + ".scope/cpu.stat", "usage_usec "},
		{"1:name=systemd:/x\n", "", ""},
	} {
		file, key, unit := counter(c.cgroups)
		if strings.TrimPrefix(file, "/") != c.file || key != c.key {
			t.Errorf("%q: seen %s with %q, want %s with %q", c.cgroups, file, key, c.file, c.key)
		}
		if want := time.Nanosecond; key == "" && file != "" && unit != want {
			t.Errorf("%q: unit %s, want %s", c.cgroups, unit, want)
		}
	}
}
