package fault

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/cluster/providers"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/system"
)

// envGuard, if set, makes this program a guard of faults: see Serve.
const envGuard = "SKIDPAD_FAULT_GUARD"

// guardWithin bounds a guard's start: under a second on most machines, and more than 15 s on an emulated processor.
const guardWithin = 2 * time.Minute

// guard is the handle of a second process. The guard process outlives the maker process, and undoes the maker's faults after
// the maker's end, also after a kill. A pipe joins the two processes; the kernel closes the pipe when the maker ends.
//
//	maker ── pipe ──▸ guard (own session, SKIDPAD_LAB=<lab> in its environment, so that `down` ends it)
//	  │ dies            │ reads the pipe's end
//	  ▾                 ▾ clears the faults that carry the maker's token
type guard struct {
	token string
	pipe  io.WriteCloser
	ended chan struct{}
}

// charge is the message to a new guard.
type charge struct {
	Token string     `json:"token"`
	Dir   string     `json:"dir"` // the lab's folder
	Plan  *plan.Plan `json:"plan"`
}

// Serve makes this program a guard if an injector has started the program as a guard: Serve then does a guard's work and ends
// the program. The list of all members calls Serve at the program's start. Any program with faults, including a suite's test
// binary, may therefore be killed at any moment.
func Serve(kinds scenario.Kinds) {
	if os.Getenv(envGuard) == "" {
		return
	}
	if err := watchOver(os.Stdin, os.Stdout, kinds); err != nil {
		fmt.Fprintln(os.Stderr, "fault guard:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// guarded returns the token of this process's guard. The first call starts the guard.
func (in *Injector) guarded(ctx context.Context) (string, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.guard != nil {
		select {
		case <-in.guard.ended: // the guard was killed: faults in force have no guard, new faults get a new guard
		default:
			return in.guard.token, nil
		}
	}
	g, err := in.startGuard(ctx)
	if err != nil {
		return "", fmt.Errorf("the process that undoes faults if this one dies does not start: %w", err)
	}
	in.guard = g
	return g.token, nil
}

func (in *Injector) startGuard(ctx context.Context) (*guard, error) {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	g := &guard{token: hex.EncodeToString(b), ended: make(chan struct{})}
	if err := os.MkdirAll(in.store.dir, 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(in.store.dir, "guard.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// The guard must not end with this call's context: the guard works after the call.
	cmd := exec.Command("/proc/self/exe") //nolint:noctx // see above
	cmd.Args = []string{"skidpad-fault-guard", in.plan.Lab}
	cmd.Env = append(os.Environ(), envGuard+"=1", docker.EnvLab+"="+in.plan.Lab)
	cmd.Stderr = log
	system.Detach(cmd)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	ready, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g.pipe = pipe
	answer := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(ready).ReadString('\n')
		answer <- err
		_ = cmd.Wait()
		close(g.ended)
	}()
	if err := json.NewEncoder(pipe).Encode(charge{g.token, in.dir, in.plan}); err != nil {
		return nil, errors.Join(err, cmd.Process.Kill())
	}
	ctx, cancel := context.WithTimeoutCause(ctx, guardWithin, fmt.Errorf("no answer after %s; see %s", guardWithin, log.Name()))
	defer cancel()
	select {
	case err = <-answer:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill())
	}
	return g, nil
}

// Close undoes this injector's faults in force and ends the guard.
func (in *Injector) Close(ctx context.Context) error {
	if c := in.far.used(); c != nil {
		return in.closeFar(ctx, c)
	}
	in.mu.Lock()
	g := in.guard
	in.guard = nil
	in.mu.Unlock()
	if g == nil {
		return nil
	}
	err := in.clearOf(ctx, g.token)
	_ = g.pipe.Close()
	select {
	case <-g.ended:
	case <-ctx.Done():
	}
	return err
}

// watchOver is the guard's work: watchOver waits for the maker's end, and undoes the maker's remaining faults.
func watchOver(pipe io.Reader, ready io.WriteCloser, kinds scenario.Kinds) error {
	in := bufio.NewReader(pipe)
	var c charge
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no charge was given: %w", err)
	}
	if err := json.Unmarshal(line, &c); err != nil {
		return fmt.Errorf("the charge cannot be read: %w", err)
	}
	if c.Plan != nil && c.Plan.Scenario != nil {
		if err := c.Plan.Scenario.Bind(kinds); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(ready, "ready"); err != nil {
		return err
	}
	_ = ready.Close()
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	left, err := store{dir: filepath.Join(c.Dir, "faults")}.list()
	if err != nil {
		return err
	}
	mine := 0
	for _, r := range left {
		if r.Maker == c.Token {
			mine++
		}
	}
	if mine == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), undoWithin)
	defer cancel()
	e, err := docker.Connect(ctx)
	if err != nil {
		return err
	}
	return New(e, c.Plan, c.Dir, KubeAt(e, c.Plan, c.Dir), nil).clearOf(ctx, c.Token)
}

// kubeconfig returns the path of the lab's kubeconfig file.
func (in *Injector) kubeconfig() string { return kubeconfigIn(in.dir) }

func kubeconfigIn(dir string) string { return filepath.Join(dir, "kubeconfig") }

// KubeAt returns a function for New that opens the API of the lab's cluster from the lab's folder.
func KubeAt(e *docker.Engine, p *plan.Plan, dir string) func(context.Context) (*cluster.Kube, error) {
	return func(ctx context.Context) (*cluster.Kube, error) {
		if p.Cluster == nil {
			return nil, fmt.Errorf("lab %s has no cluster", p.Lab)
		}
		return providers.New(e, p, nil, kubeconfigIn(dir), nil).Open(ctx)
	}
}
