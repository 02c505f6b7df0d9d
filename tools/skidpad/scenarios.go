package main

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/scenarios"
)

func scenariosCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "scenarios",
		Short:   "List, show, validate and start scenarios; print their JSON Schema",
		Example: "  skidpad scenarios list\n  skidpad scenarios show cilium-bgp-vrrp",
	}
	cmd.AddCommand(scenariosListCmd(), scenariosShowCmd(), scenariosValidateCmd(), scenariosSchemaCmd(), scenariosNewCmd())
	return cmd
}

// scenarioLine is a line of `scenarios list`.
type scenarioLine struct {
	Name        string `json:"name"`
	Origin      string `json:"origin"`
	Runnable    bool   `json:"runnable"`
	Reason      string `json:"reason"`
	Description string `json:"description"`
}

func scenariosListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the scenarios of the folder scenarios here or above, skidpad's own, and their variants",
		Example: "  skidpad scenarios list -o json",
		Args:    args(cobra.NoArgs),
	}
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var lines []scenarioLine
		for _, name := range namesWithVariants() {
			s, err := loadScenario(name)
			if err != nil {
				return err
			}
			skip, err := lab.Obstacle(cmd.Context(), s)
			if err != nil {
				return err
			}
			line := scenarioLine{Name: name, Origin: s.Metadata.Labels["origin"], Runnable: skip == nil, Description: s.Metadata.Description}
			if skip != nil {
				line.Reason = skip.Reason
			}
			lines = append(lines, line)
		}
		return printAs(cmd.OutOrStdout(), *f, lines, func(w io.Writer) error {
			var notes footnotes
			var rows [][]string
			for _, l := range lines {
				runs := "yes"
				if !l.Runnable {
					runs = "no: " + notes.cell(l.Reason)
				}
				rows = append(rows, []string{l.Name, l.Origin, runs, l.Description})
			}
			if err := writeTable(w, []string{"NAME", "ORIGIN", "RUNS HERE", "WHAT"}, rows); err != nil {
				return err
			}
			return notes.write(w)
		})
	}
	return cmd
}

func scenariosShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "show SCENARIO",
		Short:   "Print a scenario's file",
		Example: "  skidpad scenarios show cilium-bgp-vrrp",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			for _, folder := range scenarios.Folders() {
				if data, err := fs.ReadFile(folder, scenarios.File(folder, a[0])); err == nil {
					_, err = cmd.OutOrStdout().Write(data)
					return err
				}
			}
			return usage("no scenario is called %q; see `skidpad scenarios list`", a[0])
		},
	}
}

func scenariosValidateCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "validate SCENARIO...",
		Short:   "Report every mistake of scenario files, with path and line",
		Example: "  skidpad scenarios validate cilium-bgp-vrrp",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			var last error
			for _, name := range a {
				if _, err := loadScenario(name); err != nil {
					fmt.Fprintln(cmd.ErrOrStderr(), err)
					last = &exitError{code: exitCode(err)}
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: valid\n", name)
			}
			return last
		},
	}
}

func scenariosSchemaCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of scenario files",
		Example: "  skidpad scenarios schema",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := scenario.Schema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(b)
			return err
		},
	}
}
