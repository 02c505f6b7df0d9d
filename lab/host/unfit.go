package host

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client/pkg/versions"
)

// leastAPI is the API version of Docker 20.10.
const leastAPI = "1.41"

// unfit returns the reason why an engine cannot make labs, as far as the engine tells: an *EngineError. engine is the address,
// api the negotiated version of the API.
func unfit(engine, api string, info system.Info) error {
	e := &EngineError{Subject: "the engine at " + engine}
	switch {
	case versions.LessThan(api, leastAPI):
		e.Seen = fmt.Sprintf("it is version %s with API %s", info.ServerVersion, api)
		e.Do = "install Docker 20.10 or newer"
	case info.OSType != "" && info.OSType != "linux":
		e.Seen = "its containers are of " + info.OSType
		e.Do = "switch the engine to Linux containers"
	case slices.Contains(info.SecurityOptions, "name=rootless"):
		e.Seen = "it runs rootless, without the rights that routers and nodes need in network namespaces"
		e.Do = "use the machine's own engine: docker context use default, or unset DOCKER_HOST; a member of the group docker needs no root"
	default:
		return nil
	}
	return e
}

// archFinding compares the architecture of the engine's machine with this program's.
func archFinding(info system.Info) Finding {
	f := Finding{Name: "architecture", Status: OK, Seen: goArch(info.Architecture), Wanted: runtime.GOARCH + ", that of this program"}
	if f.Seen != runtime.GOARCH {
		f.Status = Warn
		f.Do = "use a skidpad for " + f.Seen + "; or put skidpad-linux-" + f.Seen + " beside this one, and bring images with: skidpad images load"
	}
	return f
}

// goArch is Go's name of an architecture with the kernel's name.
func goArch(kernel string) string {
	switch kernel {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return kernel
}
