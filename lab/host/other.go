//go:build !linux

package host

import (
	"context"
	"os"
	"runtime"

	"github.com/moby/moby/client"
)

// bringUp returns cause: an engine for this system runs in a virtual machine, which other programs start.
func bringUp(_ context.Context, cause error, _ func(string)) error { return cause }

// startDo says how to get an engine.
func startDo() string {
	if os.Getenv(client.EnvOverrideHost) != "" {
		return "correct or unset DOCKER_HOST, or start the engine that it names"
	}
	return "start Docker Desktop, Colima or another engine for Linux containers, or name another machine's engine in DOCKER_HOST"
}

// host adds nothing: labs need nothing of this machine but the way to the engine.
func (*Report) host(string) {}

// release names the system, and therefore equals no release of an engine's kernel.
func release() string { return runtime.GOOS }
