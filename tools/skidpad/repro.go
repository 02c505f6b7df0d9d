package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab/bug"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/scenarios"
)

// reproOptions are the flags of repro.
type reproOptions struct {
	bug.Options
	reports, junit, source string
	dryRun                 bool
	format                 format
}

func reproCmd() *cobra.Command {
	var o reproOptions
	policy := policyFlag{image.Auto}
	cmd := &cobra.Command{
		Use:   "repro ID",
		Short: "Reproduce a bug: broken and fixed, side by side",
		Long: "Brings up both halves of a bug, runs the steps of the bug's file, and prints the expected and the observed behaviour and the verdict:\n" +
			"reproduced (the broken half failed as described, the fixed half held), not reproduced, still broken, or unknown.\n" +
			"ID is a folder under scenarios/bugs, or a file. Ends with 0 if the bug was reproduced, with 1 if the fixed half or a\n" +
			"patch is still broken, with 4 if the bug was not reproduced or the verdict is unknown.",
		Example: "  skidpad repro frr-16995\n  skidpad repro cilium-43131 --cilium-source ../cilium\n  skidpad repro cilium-43131 --version 1.19.5 -o json",
		Args:    args(cobra.ExactArgs(1)),
	}
	cmd.Flags().StringVar(&o.Name, "name", "", "prefix of the labs' names (default: ID)")
	cmd.Flags().StringVar(&o.Tried, "version", "", "also try this version of the component")
	cmd.Flags().StringVar(&o.source, "cilium-source", "", "also try Cilium built from this checkout: a patch under test")
	cmd.Flags().StringVar(&o.reports, "reports", "reports", "folder for timelines, flows and the page of a run; empty: keep nothing")
	cmd.Flags().StringVar(&o.junit, "junit", "", "also write JUnit XML to this file")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "print the plan of each half, and make nothing")
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "leave the labs standing; faults end with the command")
	cmd.Flags().BoolVar(&o.Apart, "apart", false, "run the halves in sequence, even if memory allows both at once")
	cmd.Flags().Var(&policy, "images", "source of images: auto, pull, build or local")
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		o.Images, o.format = policy.Policy, *f
		return reproduce(cmd, a[0], o)
	}
	cmd.AddCommand(reproListCmd(), reproNewCmd())
	return cmd
}

// reproduce runs one bug and publishes the result.
func reproduce(cmd *cobra.Command, id string, o reproOptions) error {
	s, err := loadBug(id)
	if err != nil {
		return err
	}
	if o.source != "" {
		if s.Bug.Component != "cilium" {
			return usage("--cilium-source: bug %s is one of %s, not of cilium", bugID(s), s.Bug.Component)
		}
		if o.Patched, err = filepath.Abs(o.source); err != nil {
			return err
		}
	}
	o.ID = bugID(s)
	if o.dryRun {
		return printPlans(cmd, s, o.Options)
	}
	p := newProgress(os.Stderr)
	o.Progress = p
	if o.reports != "" {
		o.Dir = report.DirOf(o.reports, "repro-"+o.ID, p.start)
	}
	r, err := bug.Run(cmd.Context(), s, o.Options)
	p.Close()
	if r == nil {
		return usage("%w", err)
	}
	return errors.Join(err, publishRepro(cmd, r, o))
}

// printPlans prints the plans of all halves.
func printPlans(cmd *cobra.Command, s *scenario.Scenario, o bug.Options) error {
	all, err := bug.Plans(cmd.Context(), s, o)
	for _, p := range all {
		fmt.Fprintln(cmd.OutOrStdout(), p.Text())
	}
	return err
}

// publishRepro writes the page and the requested files, prints the table and ends with the exit code of the verdict.
func publishRepro(cmd *cobra.Command, r *bug.Report, o reproOptions) error {
	var errs []error
	if o.Dir != "" {
		errs = append(errs, reproPage(r, o.Dir))
	}
	if cmd.Context().Err() == nil {
		errs = append(errs, remember(r))
	}
	if o.junit != "" {
		errs = append(errs, writeFile(o.junit, func(w io.Writer) error { return report.JUnit(w, []report.Run{r.Run()}) }))
	}
	w := cmd.OutOrStdout()
	errs = append(errs, printAs(w, o.format, r, func(w io.Writer) error {
		_, err := io.WriteString(w, r.Text())
		return err
	}))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if code := r.ExitCode(); code != exitHeld {
		return &exitError{code: code}
	}
	return nil
}

// reproPage makes one page of the folders of all halves, with the timelines below each other.
func reproPage(r *bug.Report, dir string) error {
	var folders []*report.Folder
	for _, c := range r.Columns {
		if c.Dir == "" {
			continue
		}
		f, err := report.Open(c.Dir)
		if err != nil {
			return err
		}
		folders = append(folders, f)
	}
	if len(folders) == 0 {
		return nil
	}
	page := filepath.Join(dir, "report.html")
	if err := writeFile(page, func(w io.Writer) error { return report.HTML(w, folders, linkFrom(dir)) }); err != nil {
		return err
	}
	r.Page = page
	return nil
}

// bugLine is a line of `repro list`.
type bugLine struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Component string    `json:"component"`
	Affected  string    `json:"affected"`
	FixedIn   string    `json:"fixedIn"`
	Broken    string    `json:"broken"`
	Fixed     string    `json:"fixed"`
	Runnable  bool      `json:"runnable"`
	Reason    string    `json:"reason"` // the obstacle, or the images to build first
	Measured  *measured `json:"measured,omitempty"`
}

func reproListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the bugs",
		Long:    "Lists every bug with its halves, whether both halves can run here, and the last verdict on this machine.",
		Example: "  skidpad repro list -o json",
		Args:    args(cobra.NoArgs),
	}
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		lines := []bugLine{}
		for _, id := range bugIDs() {
			s, err := loadBug(id)
			if err != nil {
				return err
			}
			lines = append(lines, bugLineOf(cmd, id, s))
		}
		return printAs(cmd.OutOrStdout(), *f, lines, func(w io.Writer) error {
			var notes footnotes
			var rows [][]string
			for _, l := range lines {
				rows = append(rows, []string{l.ID, l.Component, l.Broken, l.Fixed, l.runs(&notes), l.verdict(), l.Title})
			}
			if err := writeTable(w, []string{"ID", "COMPONENT", "BROKEN", "FIXED", "RUNS HERE", "LAST VERDICT", "TITLE"}, rows); err != nil {
				return err
			}
			return notes.write(w)
		})
	}
	return cmd
}

func bugLineOf(cmd *cobra.Command, id string, s *scenario.Scenario) bugLine {
	b := s.Bug
	l := bugLine{ID: id, Title: b.Title, Component: b.Component, Affected: b.Affected, FixedIn: b.FixedIn, Broken: b.Broken.What, Fixed: "-", Measured: lastMeasured(id)}
	if b.Fixed != nil {
		l.Fixed = b.Fixed.What
	}
	outlook, err := bug.Foresee(cmd.Context(), s)
	l.Runnable, l.Reason = err == nil, outlook
	if err != nil {
		l.Reason = err.Error()
	}
	return l
}

func (l bugLine) runs(notes *footnotes) string {
	switch {
	case !l.Runnable:
		return "no: " + notes.cell(l.Reason)
	case l.Reason != "":
		return "yes, " + notes.cell(l.Reason)
	}
	return "yes"
}

func (l bugLine) verdict() string {
	if l.Measured == nil {
		return "-"
	}
	return fmt.Sprintf("%s (%s, %.0f s)", l.Measured.Verdict, l.Measured.At.Format("2006-01-02 15:04"), l.Measured.Took.Seconds())
}

func reproNewCmd() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "new ID",
		Short: "Write the skeleton of a bug: a scenario and a README to fill in",
		Long: "Writes scenarios/bugs/ID/scenario.yaml and README.md. The skeleton is a bug that runs in a few seconds; docs/bugs.md describes the\n" +
			"fields.",
		Example: "  skidpad repro new frr-1234",
		Args:    args(cobra.ExactArgs(1)),
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the folder that gets the bug's folder (default: scenarios/bugs in the working directory, or of the project around)")
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		if dir == "" {
			dir = filepath.Join(scenarios.Project(), "scenarios", scenarios.Bugs)
		}
		files, err := bug.Skeleton(dir, a[0])
		if err != nil {
			return usage("%w", err)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\nedit both, then: skidpad scenarios validate %s && skidpad repro %s\n", strings.Join(files, "\n"), files[0], files[0])
		return err
	}
	return cmd
}
