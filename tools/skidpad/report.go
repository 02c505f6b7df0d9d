package main

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab/report"
)

// reportRoot is the folder of the runs of `skidpad test`.
const reportRoot = "reports"

func reportCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "report [FOLDER...]",
		Short: "Write a run of `skidpad test` as one HTML page",
		Long: "Writes the checks, the lab and the timeline of a run as a page without network access, for mail and CI.\n" +
			"FOLDER (default: " + reportRoot + ") is the folder of a run, or a folder above runs: then the latest run counts. Several folders make one page. Captures are linked in place.",
		Example: "  skidpad report\n  skidpad report reports/cilium-bgp-vrrp -o failover.html",
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the file to write; - is standard output (default: report.html in the run's folder)")
	cmd.RunE = func(cmd *cobra.Command, in []string) error {
		if len(in) == 0 {
			in = []string{reportRoot}
		}
		var folders []*report.Folder
		for _, dir := range in {
			found, err := report.Find(dir)
			if err != nil {
				return usage("%w", err)
			}
			f, err := report.Open(found)
			if err != nil {
				return err
			}
			folders = append(folders, f)
		}
		if out == "-" {
			return report.HTML(cmd.OutOrStdout(), folders, linkFrom("."))
		}
		if out == "" {
			out = filepath.Join(folders[0].Dir, "report.html")
		}
		if err := writeFile(out, func(w io.Writer) error { return report.HTML(w, folders, linkFrom(filepath.Dir(out))) }); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), out)
		return nil
	}
	return cmd
}

// linkFrom makes links to captures from a page in dir.
func linkFrom(dir string) func(*report.Folder, report.Capture) string {
	return func(f *report.Folder, c report.Capture) string {
		path := filepath.Join(f.Dir, filepath.FromSlash(c.Path))
		from, err := filepath.Abs(dir)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		rel, relErr := filepath.Rel(from, path)
		if err != nil || relErr != nil {
			return (&url.URL{Scheme: "file", Path: path}).String()
		}
		return (&url.URL{Path: filepath.ToSlash(rel)}).String()
	}
}
