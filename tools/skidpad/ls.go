package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
)

func lsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List the labs that are up",
		Example: "  skidpad ls -o json",
		Args:    args(cobra.NoArgs),
	}
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		labs, err := lab.List(cmd.Context())
		if err != nil {
			return err
		}
		return printAs(cmd.OutOrStdout(), *f, labs, func(w io.Writer) error {
			var rows [][]string
			for _, l := range labs {
				running := fmt.Sprintf("%d of %d", l.Running, l.Planned)
				if l.Parked {
					running = "parked"
				}
				rows = append(rows, []string{l.Name, l.Scenario, running})
			}
			return writeTable(w, []string{"NAME", "SCENARIO", "RUNNING"}, rows)
		})
	}
	return cmd
}
