package main

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/scenarios"
)

// starts are the first forms of scenarios, a file per topology. The file's first line describes the topology.
//
//go:embed starts
var starts embed.FS

// topologies returns the names of all starts with their descriptions.
func topologies() (names, texts []string) {
	files, err := fs.Glob(starts, "starts/*.yaml")
	if err != nil {
		panic("lab bug: " + err.Error())
	}
	for _, f := range files {
		data, err := starts.ReadFile(f)
		if err != nil {
			panic("lab bug: " + err.Error())
		}
		first, _, _ := strings.Cut(string(data), "\n")
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".yaml"))
		texts = append(texts, strings.TrimPrefix(first, "# "))
	}
	return names, texts
}

// schemaFile is the JSON Schema beside the folders of new scenarios; editors find the file by the first line of a scenario.
const schemaFile = "schema.json"

func scenariosNewCmd() *cobra.Command {
	var dir, topology string
	names, texts := topologies()
	long := "Writes scenarios/NAME/scenario.yaml, a commented start that comes up as it is, and scenarios/" + schemaFile + ", which lets an editor\n" +
		"complete the file. Topologies:\n"
	for i, n := range names {
		long += fmt.Sprintf("  %-17s %s\n", n, texts[i])
	}
	cmd := &cobra.Command{
		Use:     "new NAME",
		Short:   "Write the start of a scenario for a topology",
		Long:    long,
		Example: "  skidpad scenarios new mine --topology two-racks",
		Args:    args(cobra.ExactArgs(1)),
	}
	cmd.Flags().StringVar(&topology, "topology", "one-rack", strings.Join(names, ", "))
	cmd.Flags().StringVar(&dir, "dir", "", "the folder that gets the scenario's folder (default: scenarios in the working directory, or of the project around)")
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		if dir == "" {
			dir = filepath.Join(scenarios.Project(), "scenarios")
		}
		text, err := start(topology, a[0])
		if err != nil {
			return err
		}
		path := filepath.Join(dir, a[0], "scenario.yaml")
		if _, err := os.Lstat(path); err == nil {
			return usage("%s is there already; choose another name", path)
		}
		schema, err := scenario.Schema()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return usage("%w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, schemaFile), schema, 0o644); err != nil {
			return usage("%w", err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return usage("%w", err)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\nedit the file, then: skidpad scenarios validate %[1]s && skidpad up %[1]s\n", path)
		return err
	}
	return cmd
}

// start returns the start of a topology as the scenario name.
func start(topology, name string) ([]byte, error) {
	data, err := starts.ReadFile("starts/" + topology + ".yaml")
	if err != nil {
		names, _ := topologies()
		return nil, usage("--topology: seen %q, want one of: %s", topology, strings.Join(names, ", "))
	}
	text := regexp.MustCompile(`(?m)^  name: `+topology+`$`).ReplaceAllLiteralString(string(data), "  name: "+name)
	text = "# yaml-language-server: $schema=../" + schemaFile + "\n" + text
	_, err = scenario.Parse(name+"/scenario.yaml", []byte(text), lab.Kinds())
	return []byte(text), err
}
