package host

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// Facts returns the plan's facts about the engine's machine, as the engine reports them. The engine's machine
// may differ from this machine. The prefixes taken are this machine's routes and the engine's networks.
func Facts(ctx context.Context, e *docker.Engine) (plan.Host, error) {
	info, err := e.Client.Info(ctx, client.InfoOptions{})
	if err != nil {
		return plan.Host{}, &EngineError{Subject: "the engine", Seen: "it does not tell about itself", Err: err, Do: "look at its log: journalctl -u docker, or " + logFile}
	}
	can, err := ability(ctx, e.Client)
	if err != nil {
		return plan.Host{}, err
	}
	taken, err := e.Taken(ctx)
	if err != nil {
		return plan.Host{}, err
	}
	memory := info.Info.MemTotal
	if e.Local() {
		memory = cmp.Or(Available(), memory)
	}
	return plan.Host{Taken: taken, Memory: memory, CgroupV1: info.Info.CgroupVersion != "2", NoSysResource: !can.SysResource}, nil
}

// Sweep removes containers left behind by a killed engine check. Sweep is useful after a killed bring-up; such
// containers are rare.
func Sweep(ctx context.Context, e *docker.Engine) error { return sweep(ctx, e.Client) }

// Available returns the memory of this machine that is available without swapping, in bytes (MemAvailable,
// proc_meminfo(5)); 0 if unknown.
func Available() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	bytes, err := meminfo(string(data), "MemAvailable")
	if err != nil {
		return 0
	}
	return bytes
}

// meminfo returns a line of /proc/meminfo in bytes.
func meminfo(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		value, found := strings.CutPrefix(line, name+":")
		if !found {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		return kib << 10, err
	}
	return 0, fmt.Errorf("/proc/meminfo: no line %s", name)
}
