package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
)

func nodeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "node",
		Short:   "Make a node join or leave the running cluster",
		Long:    "The nodes of the scenario's cluster.joinLater are made with the lab, but are not in the cluster until `node join`.",
		Example: "  skidpad node join control-plane3\n  skidpad node leave control-plane3",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(
		nodeVerb("join", "Run kubeadm join on a node, as a control plane or a worker, and wait until the node is Ready", (*lab.Lab).Join),
		nodeVerb("leave", "Run kubeadm reset on a node and remove the node from the cluster; the node can join again", (*lab.Lab).Leave),
	)
	return cmd
}

func nodeVerb(verb, short string, do func(*lab.Lab, context.Context, string, func(string)) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:     verb + " NODE",
		Short:   short,
		Example: "  skidpad node " + verb + " worker --name ha",
		Args:    args(cobra.ExactArgs(1)),
	}
	name := nameFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		l, err := lab.Open(cmd.Context(), *name)
		if err != nil {
			return err
		}
		return do(l, cmd.Context(), a[0], func(text string) { fmt.Fprintln(cmd.OutOrStdout(), text) })
	}
	return cmd
}
