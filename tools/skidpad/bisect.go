package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab/bug"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/report"
)

func bisectCmd() *cobra.Command {
	var o bug.Options
	var good, bad, reports string
	policy := policyFlag{image.Auto}
	cmd := &cobra.Command{
		Use:   "bisect ID",
		Short: "Find the first release with a bug, or the first without it",
		Long: "Searches the releases of a bug's component between --good and --bad by halving, and names the first release with the bug. If --good is\n" +
			"the newer release, the command searches the first release with the fix. Unavailable releases are left out; built images are kept.\n" +
			"Ends with 4 if --good has the bug, or --bad does not.",
		Example: "  skidpad bisect cilium-43131 --good 1.18.2 --bad 1.18.1",
		Args:    args(cobra.ExactArgs(1)),
	}
	cmd.Flags().StringVar(&good, "good", "", "a version without the bug")
	cmd.Flags().StringVar(&bad, "bad", "", "a version with the bug")
	cmd.Flags().StringVar(&o.Name, "name", "", "prefix of the labs' names (default: ID)")
	cmd.Flags().StringVar(&reports, "reports", "reports", "folder for timelines and flows; empty: keep nothing")
	cmd.Flags().Var(&policy, "images", "source of images: auto, pull, build or local")
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

func bisect(cmd *cobra.Command, id string, o bug.Options, reports string, ends [2]string, f format) error {
	ctx := cmd.Context()
	s, err := loadBug(id)
	if err != nil {
		return err
	}
	releases, err := bug.Releases(ctx, s.Bug.Component)
	if err != nil {
		return usage("%w", err)
	}
	versions := bug.Between(releases, ends[0], ends[1])
	fmt.Fprintf(cmd.ErrOrStderr(), "%d releases: %s\n", len(versions), strings.Join(versions, ", "))
	o.ID = bugID(s)
	if o.Name == "" {
		o.Name = o.ID
	}
	b, failed := bug.Bisect(versions, func(version string) (bug.Outcome, string) {
		if ctx.Err() != nil {
			return bug.Unknown, "interrupted"
		}
		p := newProgress(os.Stderr)
		o.Progress = p
		if reports != "" {
			o.Dir = report.DirOf(reports, "bisect-"+o.ID+"-"+version, p.start)
		}
		c := bug.Try(ctx, s, version, o)
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

func bisectTable(w io.Writer, b *bug.Bisection) error {
	var rows [][]string
	for _, t := range b.Tried {
		rows = append(rows, []string{t.Version, string(t.Outcome), t.Why})
	}
	if err := writeTable(w, []string{"VERSION", "OUTCOME", "WHY"}, rows); err != nil {
		return err
	}
	if b.Good == "" {
		return nil // an end was not as stated; the error says so
	}
	between := "no other known release is between them"
	if len(b.Between) > 0 {
		between = "unknown between them: " + strings.Join(b.Between, ", ")
	}
	_, err := fmt.Fprintf(w, "\nlast good: %s, first bad: %s; %s\n", b.Good, b.Bad, between)
	return err
}
