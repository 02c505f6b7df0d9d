package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/repro"
)

func bisectCmd() *cobra.Command {
	var o repro.Options
	var good, bad, reports string
	policy := policyFlag{image.Auto}
	cmd := &cobra.Command{
		Use:   "bisect ID",
		Short: "Find the first release with a bug, or the first without it",
		Long: "Walks the releases of a bug's component from --good to --bad, halving what is between, and names where right turns into wrong. --good may be\n" +
			"the newer one: then it is the fix that is searched. A release that cannot be had is passed over; images that were built are kept.\n" +
			"Ends with 4 where an end is not as it was said to be.",
		Example: "  skidpad bisect cilium-43131 --good 1.18.2 --bad 1.18.1",
		Args:    args(cobra.ExactArgs(1)),
	}
	cmd.Flags().StringVar(&good, "good", "", "a version without the bug")
	cmd.Flags().StringVar(&bad, "bad", "", "a version with it")
	cmd.Flags().StringVar(&o.Name, "name", "", "the labs' names begin with it (default: ID)")
	cmd.Flags().StringVar(&reports, "reports", "reports", "folder for timelines and flows; empty: nowhere")
	cmd.Flags().Var(&policy, "images", "where images come from: auto, pull, build or local")
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		if good == "" || bad == "" || good == bad {
			return usage("want --good and --bad, two versions; see `%s --help`", cmd.CommandPath())
		}
		o.Images = policy.Policy
		return bisect(cmd, a[0], o, reports, [2]string{good, bad}, *f)
	}
	return cmd
}

func bisect(cmd *cobra.Command, id string, o repro.Options, reports string, ends [2]string, f format) error {
	ctx := cmd.Context()
	s, err := loadBug(id)
	if err != nil {
		return err
	}
	releases, err := repro.Releases(ctx, s.Bug.Component)
	if err != nil {
		return usage("%w", err)
	}
	versions := repro.Between(releases, ends[0], ends[1])
	fmt.Fprintf(cmd.ErrOrStderr(), "%d releases: %s\n", len(versions), strings.Join(versions, ", "))
	o.ID, o.Source = bugID(s), sourceRoot()
	if o.Name == "" {
		o.Name = o.ID
	}
	b, failed := repro.Bisect(versions, func(version string) (repro.Outcome, string) {
		if ctx.Err() != nil {
			return repro.Unknown, "interrupted"
		}
		p := newProgress(os.Stderr)
		o.Progress = p
		if reports != "" {
			o.Dir = report.DirOf(reports, "bisect-"+o.ID+"-"+version, p.start)
		}
		c := repro.Try(ctx, s, version, o)
		p.Close()
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s %s\n", version, c.Outcome, c.Why)
		return c.Outcome, c.Why
	})
	if err := printAs(cmd.OutOrStdout(), f, b, func(w io.Writer) error { return bisectTable(w, b) }); err != nil {
		return err
	}
	if failed != nil {
		return &exitError{exitUnknown, failed}
	}
	return nil
}

func bisectTable(w io.Writer, b *repro.Bisection) error {
	var rows [][]string
	for _, t := range b.Tried {
		rows = append(rows, []string{t.Version, string(t.Outcome), t.Why})
	}
	if err := writeTable(w, []string{"VERSION", "OUTCOME", "WHY"}, rows); err != nil {
		return err
	}
	if b.Good == "" {
		return nil // an end was not as it was said to be, which the error tells
	}
	between := "no other that is known of is between them"
	if len(b.Between) > 0 {
		between = "unknown between them: " + strings.Join(b.Between, ", ")
	}
	_, err := fmt.Fprintf(w, "\nlast good: %s, first bad: %s; %s\n", b.Good, b.Bad, between)
	return err
}
