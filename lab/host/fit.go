package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"skidpad.dev/skidpad/fixtures/ocifit/caps"
	"skidpad.dev/skidpad/lab/source"
	"skidpad.dev/skidpad/lab/system"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	runtimeName   = "ocifit"
	runtimePath   = "/usr/local/lib/skidpad/ocifit"
	defaultConfig = "/etc/docker/daemon.json"
)

// fit puts our OCI runtime in front of runc, if an engine on this machine failed to start a privileged
// container because the host cannot grant every capability. In other cases, and without root, fit returns
// cause with the known facts.
func fit(ctx context.Context, cli *client.Client, cause error, log func(string)) error {
	pid, running := daemonProcess()
	if !running {
		return cause // not on this machine, or not visible from here
	}
	missing, err := missingCaps(pid)
	if err != nil || missing == 0 || !mayFit(cause) {
		return cause
	}
	if os.Geteuid() != 0 {
		return &EngineError{Subject: "the engine", Err: cause,
			Seen: "this host cannot grant " + missing.String() + ", and the engine asks for it",
			Do:   "run skidpad up once as root, which fits the engine; or use Docker 28 or newer"}
	}
	unlock, err := lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	log("this host cannot grant " + missing.String() + ": installing the OCI runtime " + runtimePath)
	if err := buildRuntime(ctx); err != nil {
		return err
	}
	if err := configure(configOf(pid), log); err != nil {
		return err
	}
	return reload(ctx, cli, pid)
}

// mayFit reports whether our runtime may help: capabilities were refused, or the configured runtime is
// missing.
func mayFit(cause error) bool {
	return strings.Contains(cause.Error(), "operation not permitted") || strings.Contains(cause.Error(), runtimePath)
}

// missingCaps returns the capabilities that the kernel knows and the engine's process cannot grant.
func missingCaps(pid int) (caps.Set, error) {
	all, err := caps.Kernel()
	if err != nil {
		return 0, err
	}
	granted, err := caps.OfProcess(fmt.Sprint(pid))
	return all.Without(granted), err
}

// buildRuntime compiles fixtures/ocifit and installs it.
func buildRuntime(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "skidpad-ocifit-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := source.All().Write(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(runtimePath), 0o755); err != nil {
		return err
	}
	// The new file is renamed into place, because the engine may be executing the old file.
	fresh := runtimePath + ".new"
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", fresh, "./fixtures/ocifit")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
	if out, err := cmd.CombinedOutput(); err != nil {
		return &EngineError{Subject: "go build ./fixtures/ocifit", Seen: tail(string(out), 5), Err: err, Do: "install Go, or Docker 28 or newer, which needs no help here"}
	}
	return os.Rename(fresh, runtimePath)
}

// configOf returns the configuration file of a running dockerd: the value of --config-file, or the default.
func configOf(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return defaultConfig
	}
	return configIn(strings.Split(string(data), "\x00"))
}

func configIn(args []string) string {
	for i, arg := range args {
		name, value, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if name != "config-file" || !strings.HasPrefix(arg, "-") {
			continue
		}
		if joined {
			return value
		}
		if i+1 < len(args) {
			return args[i+1]
		}
	}
	return defaultConfig
}

// configure adds our runtime to the engine's configuration file, keeps the other content, and logs the change.
func configure(path string, log func(string)) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	merged, changed, err := withRuntime(old)
	if err != nil {
		return &EngineError{Subject: path, Seen: "our OCI runtime cannot be added", Err: err, Do: "correct the file"}
	}
	if !changed {
		return nil
	}
	if old != nil {
		backup := path + ".before-skidpad"
		if err := os.WriteFile(backup, old, 0o644); err != nil {
			return err
		}
		log("added the runtime " + runtimeName + " to " + path + "; the file as it was: " + backup)
	} else {
		log("wrote " + path + ": runtime " + runtimeName)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, merged, 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// withRuntime returns a daemon.json with our runtime as the default, and keeps all other content. A default
// runtime set by the user is an error: ocifit works only in front of runc.
func withRuntime(old []byte) (merged []byte, changed bool, err error) {
	config := map[string]any{}
	if len(strings.TrimSpace(string(old))) > 0 {
		if err := json.Unmarshal(old, &config); err != nil {
			return nil, false, err
		}
	}
	switch def := config["default-runtime"]; def {
	case nil, "runc", runtimeName:
	default:
		return nil, false, fmt.Errorf("it names another default-runtime, %v", def)
	}
	runtimes, ok := config["runtimes"].(map[string]any)
	if !ok {
		if config["runtimes"] != nil {
			return nil, false, errors.New(`"runtimes" is not an object`)
		}
		runtimes = map[string]any{}
	}
	if ours, ok := runtimes[runtimeName].(map[string]any); ok && ours["path"] == runtimePath && config["default-runtime"] == runtimeName {
		return old, false, nil
	}
	runtimes[runtimeName] = map[string]any{"path": runtimePath}
	config["runtimes"], config["default-runtime"] = runtimes, runtimeName
	merged, err = json.MarshalIndent(config, "", "  ")
	return append(merged, '\n'), true, err
}

// reload makes the engine read its configuration (SIGHUP does not affect containers) and waits until the
// engine reports our runtime as the default.
func reload(ctx context.Context, cli *client.Client, pid int) error {
	if err := system.Signal(pid, syscall.SIGHUP); err != nil {
		return err
	}
	err := wait.Until(ctx, wait.For{What: fmt.Sprintf("%q after the engine read its configuration", runtimeName), Within: 15 * time.Second, Every: 50 * time.Millisecond}, func(ctx context.Context) error {
		info, err := cli.Info(ctx, client.InfoOptions{})
		if err == nil && info.Info.DefaultRuntime != runtimeName {
			err = fmt.Errorf("%q", info.Info.DefaultRuntime)
		}
		return err
	})
	if err != nil {
		return &EngineError{Subject: "the engine's default runtime", Seen: err.Error(),
			Do: "dockerd may have --default-runtime on its command line; see its log: journalctl -u docker, or " + logFile}
	}
	return nil
}
