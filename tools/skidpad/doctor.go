package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab/host"
)

func doctorCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Report the abilities of this machine, and the missing requirements",
		Long:    "Checks all requirements of labs and reports them together. Ends with 3 if no lab can be made.",
		Example: "  skidpad doctor\n  skidpad doctor -o json",
		Args:    args(cobra.NoArgs),
	}
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		report := host.Doctor(cmd.Context())
		if err := printAs(cmd.OutOrStdout(), *f, report, func(w io.Writer) error {
			_, err := fmt.Fprint(w, report.Text())
			return err
		}); err != nil {
			return err
		}
		if !report.Healthy() {
			return &exitError{code: exitNoLab}
		}
		return nil
	}
	return cmd
}
