package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
)

func parkCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "park",
		Short: "Freeze a lab, so that the lab uses no processor time",
		Long: "Freezes all containers of a lab. The lab keeps its memory; `skidpad up --name LAB` thaws the lab and waits for the base state. " +
			"Hold times and leases longer than the parking survive; others expire and come back.",
		Example: "  skidpad park --name cilium-bgp-vrrp\n  skidpad up --name cilium-bgp-vrrp",
		Args:    args(cobra.NoArgs),
	}
	name := nameFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		start := time.Now()
		if *name == "" {
			only, err := lab.Only(cmd.Context())
			if err != nil {
				return err
			}
			*name = only
		}
		if err := lab.Park(cmd.Context(), *name); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "lab %s: parked in %.1fs; go on with: skidpad up --name %s\n", *name, time.Since(start).Seconds(), *name)
		return nil
	}
	return cmd
}
