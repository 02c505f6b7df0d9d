//go:build linux

package host

import (
	"context"
	"os"
	"os/exec"
	"strings"
)

// install installs the distribution's engine on Debian and Ubuntu. On other distributions, the error names a
// remedy.
func install(ctx context.Context, log func(string)) error {
	if !isDebian() {
		return &EngineError{Subject: "the engine", Seen: "no Docker is installed, and this is neither Debian nor Ubuntu", Do: startDo()}
	}
	log("no Docker engine here: installing docker.io with apt-get")
	out, err := apt(ctx, "install", "-y", "--no-install-recommends", "docker.io")
	if err != nil {
		// A machine's package lists may be missing or outdated.
		if out, err = apt(ctx, "update"); err == nil {
			out, err = apt(ctx, "install", "-y", "--no-install-recommends", "docker.io")
		}
	}
	if err != nil {
		return &EngineError{Subject: "apt-get install docker.io", Seen: tail(out, 5), Err: err,
			Do: "repair the package sources, or install Docker 20.10 or newer by hand"}
	}
	if daemonPath() == "" {
		return &EngineError{Subject: "apt-get install docker.io", Seen: "it succeeded, but there is no dockerd", Do: "install Docker 20.10 or newer by hand"}
	}
	return nil
}

// apt runs apt-get without questions and returns its output.
func apt(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	// The package's scripts may start the engine; the engine then inherits this environment.
	cmd.Env = append(daemonEnv(os.Getenv), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// isDebian reports whether the distribution is Debian, Ubuntu or a derivative, by os-release(5).
func isDebian() bool {
	data, err := os.ReadFile("/etc/os-release")
	return err == nil && isDebianRelease(string(data))
}

func isDebianRelease(osRelease string) bool {
	for line := range strings.Lines(osRelease) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key != "ID" && key != "ID_LIKE" {
			continue
		}
		for _, id := range strings.Fields(strings.Trim(value, `"'`)) {
			if id == "debian" || id == "ubuntu" {
				return true
			}
		}
	}
	return false
}
