//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/system"
	"skidpad.dev/skidpad/lab/wait"
)

// daemonPath returns the path of dockerd, or "" if dockerd is not installed. The sbin folders may be missing
// from PATH.
func daemonPath() string {
	if path, err := exec.LookPath("dockerd"); err == nil {
		return path
	}
	for _, path := range []string{"/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/local/bin/dockerd"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// isSystemd reports whether systemd is PID 1, by the test of sd_booted(3).
func isSystemd() bool {
	info, err := os.Stat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// start starts the installed engine and waits for its answer.
func start(ctx context.Context, log func(string)) error {
	if isSystemd() {
		log("the Docker engine does not run: systemctl start docker")
		if out, err := exec.CommandContext(ctx, "systemctl", "start", "docker").CombinedOutput(); err != nil {
			return &EngineError{Subject: "systemctl start docker", Seen: tail(string(out), 5), Err: err, Do: "journalctl -u docker -n 50"}
		}
		return nil
	}
	if pid, running := daemonProcess(); running {
		err := awaitAnswer(ctx, fmt.Sprintf("dockerd (process %d), already running", pid), nil)
		if _, running := daemonProcess(); running || err == nil {
			return err
		}
	}
	if removed := clearStale(ctx); len(removed) > 0 {
		log("removed what an engine that was killed has left: " + strings.Join(removed, ", "))
	}
	log("the Docker engine does not run: starting " + daemonPath() + ", log in " + logFile)
	return startDetached(ctx)
}

// startDetached starts dockerd in its own session, so dockerd outlives this process and the terminal.
func startDetached(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(logFile), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	from, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	// The engine must continue to run when the caller's context ends.
	keepToOurselves()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), daemonPath())
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", out, out
	system.Detach(cmd)
	cmd.Env = daemonEnv(os.Getenv)
	if err := cmd.Start(); err != nil {
		return &EngineError{Subject: daemonPath(), Seen: "it cannot be started", Err: err, Do: "run it by hand and read what it says"}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err = awaitAnswer(ctx, "dockerd", ended)
	var failed *EngineError
	if errors.As(err, &failed) {
		failed.Seen += "; the end of its log:\n    " + logSince(from)
	}
	return err
}

// daemonEnv returns the environment of a started daemon: only the variables that a daemon needs. The mark on
// programs of one lab's bring-up is left out in particular, since marked programs end with the lab.
func daemonEnv(get func(string) string) []string {
	// Under sudo and cron, PATH lacks the folders of the programs that dockerd runs.
	env := []string{"PATH=" + get("PATH") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, name := range []string{"HOME", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		if value := get(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// awaitAnswer waits until the engine answers, the engine's process ends, or the time is over. Without a
// channel for the end, awaitAnswer uses the pid file.
func awaitAnswer(ctx context.Context, subject string, ended <-chan error) error {
	var gone *EngineError
	err := wait.Until(ctx, wait.For{What: subject + " answers", Within: answerWithin, Every: 50 * time.Millisecond}, func(ctx context.Context) error {
		cli, err := dial(ctx)
		if err == nil {
			return cli.Close()
		}
		_, running := daemonProcess()
		var exit error
		select {
		case exit = <-ended:
		default:
			if ended != nil || running {
				return err
			}
		}
		gone = &EngineError{Subject: subject, Seen: "it ended before it answered", Err: exit, Do: "run dockerd by hand and read what it says"}
		return wait.Stop(gone)
	})
	switch {
	case gone != nil:
		return gone
	case err != nil:
		return &EngineError{Subject: subject, Seen: fmt.Sprintf("no answer within %s", answerWithin), Err: err, Do: "less " + logFile}
	}
	return nil
}

// logSince returns the last lines of the engine's log written after an offset.
func logSince(offset int64) string {
	f, err := os.Open(logFile)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return err.Error()
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return tail(string(data), 8)
}

// clearStale removes the pid files and sockets of daemons that no longer run, and returns the paths. dockerd
// refuses to start if the pid file names any process, even a zombie; and dockerd takes the mere presence of
// containerd's system socket for a running containerd.
func clearStale(ctx context.Context) []string {
	var dialer net.Dialer
	var removed []string
	drop := func(path string) {
		if os.Remove(path) == nil {
			removed = append(removed, path)
		}
	}
	for pidFile, program := range map[string]string{
		daemonPID: "dockerd",
		"/var/run/docker/containerd/containerd.pid": "containerd",
	} {
		if _, running := processOf(pidFile, program); !running {
			drop(pidFile)
		}
	}
	for _, socket := range []string{daemonSock, "/run/containerd/containerd.sock", "/var/run/docker/containerd/containerd.sock"} {
		conn, err := dialer.DialContext(ctx, "unix", socket)
		if err == nil {
			_ = conn.Close()
			continue
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			drop(socket)
		}
	}
	return removed
}

// keepToOurselves marks all files except the standard three to be closed in programs started by this process.
// Otherwise an inherited file, for example a lock held by a script, would stay open as long as the daemon
// runs.
func keepToOurselves() {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, f := range open {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// startDo tells root how to start an engine here.
func startDo() string {
	switch {
	case os.Getenv(client.EnvOverrideHost) != "":
		return "correct or unset DOCKER_HOST, or start the engine that it names"
	case daemonPath() == "" && isDebian():
		return "as root, run: apt-get install -y docker.io (skidpad does it itself as root)"
	case daemonPath() == "":
		return "install Docker 20.10 or newer with your distribution's packages and start it"
	case isSystemd():
		return "as root, run: systemctl start docker (skidpad does it itself as root)"
	default:
		return "as root, run: dockerd (skidpad does it itself as root)"
	}
}

// isAbsent reports whether err means that no engine runs, as opposed to an engine that is not usable.
func isAbsent(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
}

// bringUp starts an engine after dial found none. If bringUp cannot, it returns the reason: cause with a
// remedy.
func bringUp(ctx context.Context, cause error, log func(string)) error {
	if os.Geteuid() != 0 || !isAbsent(cause) || os.Getenv(client.EnvOverrideHost) != "" {
		return cause
	}
	unlock, err := lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if daemonPath() == "" {
		if err := install(ctx, log); err != nil {
			return err
		}
	}
	// Another process, or the package's own scripts, may have started the engine meanwhile.
	if cli, err := dial(ctx); err == nil {
		return cli.Close()
	}
	return start(ctx, log)
}
