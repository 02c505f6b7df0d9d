package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/timeline"
)

// testOptions are the flags of test.
type testOptions struct {
	name, junit string
	reports     string
	keep, quick bool
	images      image.Policy
	format      format
}

func testCmd() *cobra.Command {
	var o testOptions
	policy := policyFlag{image.Auto}
	cmd := &cobra.Command{
		Use:   "test [SCENARIO...]",
		Short: "Run the checks of scenarios",
		Long: "Runs the checks of scenarios. A running lab is used and stays; otherwise the command brings up a lab, and takes the lab down afterwards.\n" +
			"A check with a fault brings the lab back to its base state afterwards, and its recording is kept in the run's folder; `up` leaves such checks out.\n" +
			"A scenario is skipped, with the reason, if this machine lacks a kernel option, or if an image can be neither pulled nor built.\n" +
			"Ends with 1 if a check failed, with 3 if the lab could not be made, with 4 if an outcome is unknown.",
		Example: "  skidpad test cilium-bgp-vrrp -o json\n  skidpad test --junit reports/checks.xml",
	}
	cmd.Flags().StringVar(&o.name, "name", "", "the lab's name (default: the scenario's)")
	cmd.Flags().StringVar(&o.junit, "junit", "", "also write JUnit XML to this file")
	cmd.Flags().StringVar(&o.reports, "reports", "reports", "folder for recordings: timeline, flows, and packets of failed checks; empty: keep nothing")
	cmd.Flags().BoolVar(&o.quick, "quick", false, "only quick checks without a fault, as `up` runs them")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "leave the lab running if this command brought up the lab")
	cmd.Flags().Var(&policy, "images", "source of images: auto, pull, build or local")
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if len(names) == 0 {
			names = []string{defaultScenario}
		}
		if o.name != "" && len(names) > 1 {
			return usage("--name is for one scenario; %d are given", len(names))
		}
		o.images, o.format = policy.Policy, *f
		var runs []report.Run
		for _, name := range names {
			r, err := testScenario(cmd, name, o)
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		return publish(cmd, runs, o)
	}
	return cmd
}

// testScenario checks one scenario, in its running lab or in a lab made for the test.
func testScenario(cmd *cobra.Command, name string, o testOptions) (run report.Run, err error) {
	s, err := loadScenario(name)
	if err != nil {
		return run, err
	}
	lo := lab.Options{Name: o.name, Scenario: s, Images: o.images}
	if lo.Name == "" {
		lo.Name = s.Metadata.Name
	}
	_, absent := lab.Find(cmd.Context(), lo.Name)
	p := newProgress(os.Stderr)
	lo.Progress = p
	l, err := lab.Up(cmd.Context(), lo)
	p.Close()
	if absent != nil && !o.keep {
		defer func() {
			_, downErr := lab.Down(context.WithoutCancel(cmd.Context()), lo.Name)
			err = errors.Join(err, downErr)
		}()
	}
	var skip *lab.SkipError
	if errors.As(err, &skip) {
		return report.Run{Scenario: s.Metadata.Name, Skipped: skip.Reason, Started: time.Now()}, nil
	}
	if err != nil {
		return run, err
	}
	if l.Plan.Found != nil { // defaults need the facts of a cluster that runs already
		if s, err = s.On(l.Plan.Found.Facts); err != nil {
			return run, err
		}
	}
	checks := check.Of(s) // the lab may have been brought up with other checks
	if o.quick {
		return quickLab(cmd.Context(), l, checks, cmd.ErrOrStderr()), nil
	}
	return testLab(cmd.Context(), l, checks, o, cmd.ErrOrStderr())
}

// quickLab runs the quick checks without a fault, and shows each result at its end.
func quickLab(ctx context.Context, l *lab.Lab, checks []check.Check, progress io.Writer) report.Run {
	r := report.Run{Scenario: l.Plan.Scenario.Metadata.Name, Notes: l.Notes(), Started: time.Now()}
	r.Checks = check.Look(ctx, l, checks, lineTo(progress))
	r.Duration = time.Since(r.Started)
	return r
}

// testLab runs all checks, shows each result at its end, and keeps recordings in the run's folder.
func testLab(ctx context.Context, l *lab.Lab, checks []check.Check, o testOptions, progress io.Writer) (report.Run, error) {
	r := report.Run{Scenario: l.Plan.Scenario.Metadata.Name, Notes: l.Notes(), Started: time.Now()}
	tests := check.Options{Done: lineTo(progress)}
	events := &timeline.Timeline{}
	dir := report.DirOf(o.reports, r.Scenario, r.Started)
	if o.reports != "" {
		tests.Events, tests.CaptureDir = events, func(check string) string { return report.CaptureDir(dir, check) }
	}
	r.Checks = check.Test(ctx, l, checks, tests)
	r.Duration = time.Since(r.Started)
	if o.reports == "" {
		return r, nil
	}
	if err := report.Save(dir, r, l.Plan, events.Events(), nil); err != nil {
		return r, err
	}
	fmt.Fprintln(progress, "recorded in "+dir)
	return r, nil
}

func lineTo(w io.Writer) func(check.Result) {
	return func(c check.Result) { fmt.Fprintln(w, report.Line(c, 44)) }
}

// publish prints the runs, writes the requested files and ends with the exit code of the worst verdict.
func publish(cmd *cobra.Command, runs []report.Run, o testOptions) error {
	if o.junit != "" {
		if err := writeFile(o.junit, func(w io.Writer) error { return report.JUnit(w, runs) }); err != nil {
			return err
		}
	}
	w := cmd.OutOrStdout()
	var err error
	if o.format == formatJSON {
		err = report.JSON(w, runs)
	} else {
		err = printAs(w, o.format, runs, func(w io.Writer) error { return report.Text(w, runs, true) })
	}
	if err != nil {
		return err
	}
	if code := report.ExitCode(runs); code != exitHeld {
		return &exitError{code: code}
	}
	return nil
}

// writeFile writes a file, and makes the file's folder.
func writeFile(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
