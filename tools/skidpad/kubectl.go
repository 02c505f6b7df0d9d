package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/cluster/providers"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
)

func kubectlCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kubectl [LAB] -- ARGS...",
		Short: "Run kubectl on the lab's cluster, with the engine on this machine or another",
		Long: "Runs your kubectl with the lab's kubeconfig; your own kubeconfig is not touched. If the engine is on another machine, a port\n" +
			"of this machine's loopback leads to the API server through the lab's agent until kubectl ends.\n" +
			"Without a kubectl on the PATH, the kubectl of a control-plane node runs in the node: files come by standard input\n" +
			"(`-f -`), and there is no terminal. Ends with kubectl's exit code.",
		Example: "  skidpad kubectl -- get pods -A\n  skidpad kubectl cilium-bgp-vrrp -- get svc -o wide",
		Args: args(func(cmd *cobra.Command, a []string) error {
			if dash := cmd.ArgsLenAtDash(); dash < 0 || dash > 1 || len(a) == dash {
				return errors.New("want [LAB] -- and kubectl's arguments")
			}
			return nil
		}),
	}
	name := nameFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		if cmd.ArgsLenAtDash() == 1 {
			if *name != "" && *name != a[0] {
				return usage("want one lab, got %q and --name %s", a[0], *name)
			}
			*name, a = a[0], a[1:]
		}
		l, err := lab.Open(cmd.Context(), *name)
		if err != nil {
			return err
		}
		if l.Plan.Cluster == nil {
			return usage("lab %s has no cluster", l.Plan.Lab)
		}
		program, err := exec.LookPath("kubectl")
		if err != nil {
			return nodeKubectl(cmd, l, a)
		}
		return ownKubectl(cmd.Context(), l, program, a)
	}
	return cmd
}

// ownKubectl runs a kubectl of this machine.
func ownKubectl(ctx context.Context, l *lab.Lab, program string, a []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Kube writes a missing or outdated kubeconfig.
	if _, err := l.Kube(ctx); err != nil {
		return err
	}
	path, err := l.Kubeconfig()
	if err != nil {
		return err
	}
	if dial := agent.Dialer(l.Engine(), l.Plan.Lab); dial != nil {
		folder, err := os.MkdirTemp("", "skidpad-kubectl-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(folder) }()
		if path, err = tunnelled(ctx, path, folder, dial); err != nil {
			return err
		}
	}
	c := exec.CommandContext(ctx, program, a...)
	c.Env = append(os.Environ(), "KUBECONFIG="+path)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	err = c.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() >= 0 {
		return &exitError{code: ended.ExitCode()}
	}
	return err
}

// tunnelled opens a local port to the API server of a kubeconfig, and writes a kubeconfig with the port into a folder.
func tunnelled(ctx context.Context, path, folder string, dial func(ctx context.Context, network, address string) (net.Conn, error)) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	data, err = cluster.Through(data, func(server string) (string, error) {
		return agent.Forward(ctx, func(ctx context.Context) (net.Conn, error) { return dial(ctx, "tcp", server) })
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	path = filepath.Join(folder, "kubeconfig")
	return path, os.WriteFile(path, data, 0o600)
}

// nodeKubectl runs the kubectl of the first running control-plane node.
func nodeKubectl(cmd *cobra.Command, l *lab.Lab, a []string) error {
	var n *docker.Container
	for _, p := range l.Plan.Cluster.ControlPlanes() {
		if !p.Later {
			n = l.Engine().Node(p.Short, node.KindCluster, p.Name)
			break
		}
	}
	s := docker.Streams{Out: os.Stdout, Err: cmd.ErrOrStderr()}
	if term.IsTerminal(int(os.Stdout.Fd())) {
		s.Out = cmd.OutOrStdout()
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		s.In = io.Reader(os.Stdin)
	}
	_, err := n.ExecStreams(cmd.Context(), s, append([]string{"kubectl", "--kubeconfig", providers.AdminConf(l.Plan)}, a...)...)
	var failed *node.ExitError
	if errors.As(err, &failed) {
		return &exitError{code: failed.Code}
	}
	return err
}
