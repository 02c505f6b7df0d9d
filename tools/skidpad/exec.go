package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/node"
)

func execCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "exec NODE -- CMD...",
		Short:   "Run a command in a node, router or client",
		Long:    "Runs a command and ends with its exit code.",
		Example: "  skidpad exec r1 -- vtysh -c 'show bgp summary'\n  skidpad exec worker -- ip route",
		Args:    args(cobra.MinimumNArgs(2)),
	}
	name := nameFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		l, err := lab.Open(cmd.Context(), *name)
		if err != nil {
			return err
		}
		n, err := l.Node(a[0])
		if err != nil {
			return usage("%w", err)
		}
		out, err := n.Exec(cmd.Context(), a[1:]...)
		w := io.Writer(os.Stdout) // byte for byte for programs; a terminal gets text
		if term.IsTerminal(int(os.Stdout.Fd())) {
			w = cmd.OutOrStdout()
		}
		if _, werr := w.Write(out); werr != nil {
			return werr
		}
		var failed *node.ExitError
		if errors.As(err, &failed) {
			fmt.Fprint(cmd.ErrOrStderr(), failed.Stderr)
			return &exitError{code: failed.Code}
		}
		return err
	}
	return cmd
}

func shellCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "shell NODE",
		Short:   "Open a shell in a node, router or client",
		Example: "  skidpad shell client",
		Args:    args(cobra.ExactArgs(1)),
	}
	name := nameFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		l, err := lab.Open(cmd.Context(), *name)
		if err != nil {
			return err
		}
		container, err := l.Container(a[0])
		if err != nil {
			return usage("%w", err)
		}
		flags := []string{"exec", "-i"}
		if term.IsTerminal(int(os.Stdin.Fd())) {
			flags = append(flags, "-t")
		}
		// The engine's own client drives the terminal: raw mode, window size and signals.
		sh := exec.CommandContext(cmd.Context(), "docker", append(flags, container, "sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")...)
		sh.Stdin, sh.Stdout, sh.Stderr = os.Stdin, os.Stdout, os.Stderr
		err = sh.Run()
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			return &exitError{code: ended.ExitCode()}
		}
		return err
	}
	return cmd
}
