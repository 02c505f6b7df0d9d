// Command skidpad brings up test labs for Kubernetes routing, checks labs and takes labs down.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"skidpad.dev/skidpad/lab/plain"
)

func main() {
	silenceClients()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	var told *exitError
	if err != nil && (!errors.As(err, &told) || told.err != nil) {
		fmt.Fprintln(os.Stderr, "skidpad:", plain.Text(err.Error()))
	}
	os.Exit(exitCode(err))
}

// silenceClients discards the log of client-go and Helm, which otherwise appears in the middle of a command's output.
// Commands receive all important errors as return values, too.
func silenceClients() { klog.SetSlogLogger(slog.New(slog.DiscardHandler)) }

// root is the command line: a file a verb.
func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "skidpad",
		Short:         "A test lab for Kubernetes routing: real cluster, real routers, real packets",
		Long:          "skidpad brings up a Kubernetes cluster beside real routers on one Linux machine, and proves the paths and the losses of packets.\n\nExit codes: 0 all held, 1 a check failed, 2 the usage or the scenario is wrong, 3 the lab could not be made, 4 unknown.",
		Example:       "  skidpad up cilium-bgp-vrrp\n  skidpad status\n  skidpad down",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	// Names, labels and outputs of routers are others' text: a terminal shows it and executes none of it.
	cmd.SetOut(plain.NewWriter(os.Stdout))
	cmd.SetErr(plain.NewWriter(os.Stderr))
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; see `%s --help`", err, c.CommandPath())
	})
	cmd.AddCommand(upCmd(), parkCmd(), downCmd(), lsCmd(), statusCmd(), testCmd(), execCmd(), shellCmd(), kubectlCmd(), probeCmd(),
		routesCmd(), graphCmd(), faultCmd(), nodeCmd(), watchCmd(), captureCmd(), reportCmd(), runCmd(), matrixCmd(), reproCmd(), bisectCmd(), scenariosCmd(), imagesCmd(), doctorCmd(), versionCmd())
	complete(cmd)
	return cmd
}

// args wraps a check of arguments, so a mistake counts as a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, a []string) error {
		if err := check(cmd, a); err != nil {
			return usage("%w; see `%s --help`", err, cmd.CommandPath())
		}
		return nil
	}
}

// nameFlag adds --name to a command for one lab.
func nameFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("name", "", "the lab (default: the only running lab)")
}
