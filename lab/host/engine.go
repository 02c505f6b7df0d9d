package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/system"
	"skidpad.dev/skidpad/lab/wait"
)

// EnsureEngine ensures an engine that can start privileged containers. EnsureEngine uses the running engine;
// as root, it starts an installed engine, installs an engine on Debian and Ubuntu, and adapts an engine that
// requests capabilities which this host cannot grant. EnsureEngine reports changes through log, one line each.
// An error that a user can correct is an *EngineError.
//
// A user who is not root but may use the engine's socket needs to do nothing.
func EnsureEngine(ctx context.Context, log func(string)) error {
	cli, err := dial(ctx)
	if err != nil {
		if err := bringUp(ctx, err, log); err != nil {
			return err
		}
		if cli, err = dial(ctx); err != nil {
			return err
		}
	}
	defer func() { _ = cli.Close() }()
	if _, err := ability(ctx, cli); err != nil {
		if err := fit(ctx, cli, err, log); err != nil {
			return err
		}
		if _, err := ability(ctx, cli); err != nil {
			return err
		}
	}
	return nil
}

// answerWithin is the time limit for the answer of an engine that accepts connections: an engine that restarts
// with many containers delays its callers until the engine has checked each container.
const answerWithin = 60 * time.Second

// dial connects to the engine at DOCKER_HOST or the default socket and waits for the engine's answer.
func dial(ctx context.Context) (*client.Client, error) {
	cli, err := docker.NewClient()
	if err != nil {
		return nil, &EngineError{Subject: "the engine", Seen: "its address cannot be used", Err: err,
			Do: "correct or unset DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH"}
	}
	if err := await(ctx, cli); err != nil {
		_ = cli.Close()
		return nil, err
	}
	return cli, nil
}

// await waits for the engine's answer as long as a process listens on the engine's socket. An engine that is
// ending still accepts connections for a moment, so await retries after a broken connection.
func await(ctx context.Context, cli *client.Client) error {
	var failed error
	err := wait.Until(ctx, wait.For{What: "the engine answers", Within: answerWithin, Every: 50 * time.Millisecond}, func(ctx context.Context) error {
		if failed = knock(ctx, cli.DaemonHost()); failed != nil {
			return wait.Stop(failed)
		}
		_, err := cli.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
		if err == nil {
			return nil
		}
		silent := &EngineError{Subject: "the engine at " + cli.DaemonHost(), Seen: "it does not answer", Err: err,
			Do: "look at its log: journalctl -u docker, or " + logFile}
		failed = silent
		if !strings.HasPrefix(cli.DaemonHost(), "unix://") {
			silent.Do = "correct or unset DOCKER_HOST"
			return wait.Stop(silent)
		}
		return silent
	})
	if err != nil {
		return failed
	}
	return nil
}

// knock connects to the engine's socket and, on failure, returns the reason in an *EngineError. For addresses
// other than Unix sockets, knock does nothing and the client connects.
func knock(ctx context.Context, address string) error {
	path, isUnix := strings.CutPrefix(address, "unix://")
	if !isUnix {
		return nil
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		return conn.Close()
	}
	e := &EngineError{Subject: "the engine at " + address, Err: err}
	switch {
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		e.Seen, e.Do = "you may not use its socket", allowDo(path)
	case errors.Is(err, syscall.ENOENT):
		e.Seen, e.Do = "there is none", startDo()
	default:
		e.Seen, e.Do = "its socket is there and nobody listens", startDo()
	}
	return e
}

// allowDo tells the user how to join the socket's group.
func allowDo(path string) string {
	group, name := "docker", "$USER"
	if info, err := os.Stat(path); err == nil {
		if _, gid, ok := system.Owner(info); ok {
			if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil && g.Name != "root" {
				group = g.Name
			}
		}
	}
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("as root, run: usermod -aG %s %s; then log in again, or run: newgrp %s", group, name, group)
}
