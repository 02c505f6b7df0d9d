package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
)

func downCmd() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "down",
		Short:   "Take a lab down and leave nothing behind",
		Long:    "Removes all objects with the lab's label, in any state. The command needs no scenario file, and may run twice.",
		Example: "  skidpad down --name cilium-bgp-vrrp\n  skidpad down --all",
		Args:    args(cobra.NoArgs),
	}
	name := nameFlag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every lab, also the files of labs that a killed command has left")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		names := []string{*name}
		switch {
		case all && *name != "":
			return usage("--all and --name exclude each other")
		case all:
			labs, err := lab.List(cmd.Context())
			if err != nil {
				return err
			}
			if names, err = lab.Leftover(cmd.Context()); err != nil {
				return err
			}
			for _, l := range labs {
				names = append(names, l.Name)
			}
		case *name == "":
			only, err := lab.Only(cmd.Context())
			if err != nil {
				return err
			}
			names[0] = only
		}
		var errs []error
		for _, n := range names {
			errs = append(errs, down(cmd, n))
		}
		return errors.Join(errs...)
	}
	return cmd
}

func down(cmd *cobra.Command, name string) error {
	start := time.Now()
	removed, err := lab.Down(cmd.Context(), name)
	if err != nil {
		return err
	}
	if len(removed) == 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "lab %s: nothing was there\n", name)
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "lab %s: %d objects removed in %.1fs\n", name, len(removed), time.Since(start).Seconds())
	return nil
}
