package host

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/system"
)

const (
	checkImage = "skidpad.local/engine-check:1"
	labelRole  = "dev.skidpad.role"
	labelPID   = "dev.skidpad.pid"
	checkRole  = "engine-check"
)

// Ability is the engine's abilities on the engine's machine, found by a test.
type Ability struct {
	Engine      string `json:"engine"`      // identifies the engine and its configuration
	SysResource bool   `json:"sysResource"` // CAP_SYS_RESOURCE can be granted
}

// ability starts a privileged container and returns the observed abilities. The result is remembered until the
// next boot, or until the engine's version or default runtime changes. An error is an *EngineError.
func ability(ctx context.Context, cli *client.Client) (Ability, error) {
	info, err := cli.Info(ctx, client.InfoOptions{})
	if err != nil {
		return Ability{}, &EngineError{Subject: "the engine at " + cli.DaemonHost(), Seen: "it does not tell about itself", Err: err,
			Do: "look at its log: journalctl -u docker, or " + logFile}
	}
	if err := unfit(cli.DaemonHost(), cli.ClientVersion(), info.Info); err != nil {
		return Ability{}, err
	}
	key := fmt.Sprintf("%s %s %s %s", cli.DaemonHost(), info.Info.ID, info.Info.ServerVersion, info.Info.DefaultRuntime)
	// Our runtime may have been removed since the last check.
	_, missing := os.Stat(runtimePath)
	ours := info.Info.DefaultRuntime == runtimeName && isLocal(info.Info)
	if a, found := remembered(key); found && (!ours || missing == nil) {
		return a, nil
	}
	code, err := runCheck(ctx, cli)
	if err != nil {
		return Ability{}, &EngineError{Subject: "the engine at " + cli.DaemonHost(), Seen: "it cannot start a privileged container", Err: err,
			Do: "try: docker run --rm --privileged IMAGE true; labs need it for cluster nodes"}
	}
	a := Ability{Engine: key, SysResource: code == 0}
	remember(a)
	return a, nil
}

func rememberedPath() (string, error) {
	dir, err := StateDir()
	return filepath.Join(dir, "engine.json"), err
}

func remembered(key string) (a Ability, found bool) {
	path, err := rememberedPath()
	if err != nil {
		return a, false
	}
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &a) != nil {
		return a, false
	}
	return a, a.Engine == key
}

// remember only saves time, so a failure is ignored.
func remember(a Ability) {
	path, err := rememberedPath()
	if err != nil {
		return
	}
	if data, err := json.Marshal(a); err == nil {
		_ = os.WriteFile(path, data, 0o600)
	}
}

// runCheck runs the check program in a privileged container without a network and returns its exit code.
func runCheck(ctx context.Context, cli *client.Client) (code int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := sweep(ctx, cli); err != nil {
		return 0, err
	}
	if err := importCheck(ctx, cli); err != nil {
		return 0, err
	}
	created, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{Image: checkImage, Entrypoint: []string{"/check"},
			Labels: map[string]string{labelRole: checkRole, labelPID: strconv.Itoa(os.Getpid())}},
		HostConfig: &container.HostConfig{Privileged: true, NetworkMode: "none"},
	})
	if err != nil {
		return 0, err
	}
	defer func() {
		// The caller's context may have ended; the container must be removed anyway.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		if removeErr := remove(ctx, cli, created.ID); err == nil {
			err = removeErr
		}
	}()
	wait := cli.ContainerWait(ctx, created.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := cli.ContainerStart(ctx, created.ID, client.ContainerStartOptions{}); err != nil {
		return 0, err
	}
	select {
	case err := <-wait.Error:
		return 0, err
	case res := <-wait.Result:
		if res.StatusCode > 1 {
			return res.StatusCode, fmt.Errorf("the check program ended with code %d, 0 or 1 wanted", res.StatusCode)
		}
		return res.StatusCode, nil
	}
}

// importCheck makes the image of the check program, unless the engine has the image.
func importCheck(ctx context.Context, cli *client.Client) error {
	if _, err := cli.ImageInspect(ctx, checkImage); err == nil {
		return nil
	}
	version, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return err
	}
	code, found := codes()[version.Arch]
	if !found {
		return fmt.Errorf("no check program for architecture %s; amd64 and arm64 are known", version.Arch)
	}
	program := executable(code)
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{Name: "check", Mode: 0o755, Size: int64(len(program)), ModTime: time.Unix(0, 0)}
	if err := errors.Join(w.WriteHeader(header), write(w, program), w.Close()); err != nil {
		return err
	}
	res, err := cli.ImageImport(ctx, client.ImageImportSource{Source: &archive, SourceName: "-"}, checkImage, client.ImageImportOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = res.Close() }()
	_, err = io.Copy(io.Discard, res)
	return err
}

func write(w io.Writer, data []byte) error {
	_, err := w.Write(data)
	return err
}

func remove(ctx context.Context, cli *client.Client, id string) error {
	_, err := cli.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// sweep removes check containers left behind by a killed process.
func sweep(ctx context.Context, cli *client.Client) error {
	list, err := cli.ContainerList(ctx, client.ContainerListOptions{All: true,
		Filters: make(client.Filters).Add("label", labelRole+"="+checkRole)})
	if err != nil {
		return err
	}
	for _, c := range list.Items {
		pid, err := strconv.Atoi(c.Labels[labelPID])
		if err == nil && pid != os.Getpid() && !errors.Is(system.Signal(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := remove(ctx, cli, c.ID); err != nil {
			return err
		}
	}
	return nil
}
