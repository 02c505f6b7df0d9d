package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what is known of this program.
type build struct {
	Version  string `json:"version"`            // the release, a pseudo-version (go.dev/ref/mod), or devel
	Commit   string `json:"commit,omitempty"`   // git's ID; unknown for a program of the module cache
	Modified bool   `json:"modified,omitempty"` // the source tree had changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildOf reads the go command's record in the program.
func buildOf(info *debug.BuildInfo) build {
	b := build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return b
	}
	if v := info.Main.Version; v != "(devel)" {
		b.Version = cmp.Or(v, b.Version)
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func versionCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Print the version of this program",
		Long: "Prints the release, or the version that Go computed from the commit; the Go version and the platform. -o json adds the commit and\nwhether the source tree had changes.", Example: "  skidpad version -o json", Args: args(cobra.NoArgs)}
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		info, _ := debug.ReadBuildInfo()
		b := buildOf(info)
		return printAs(cmd.OutOrStdout(), *f, b, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "skidpad %s, %s, %s\n", b.Version, b.Go, b.Platform)
			return err
		})
	}
	return cmd
}
