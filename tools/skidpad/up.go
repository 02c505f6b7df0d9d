package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/report"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

func upCmd() *cobra.Command {
	var o lab.Options
	var dryRun, noChecks bool
	policy := policyFlag{image.Auto}
	cmd := &cobra.Command{
		Use:   "up [SCENARIO]",
		Short: "Bring up a lab and check the lab",
		Long: "Brings up the lab of a scenario: a name under scenarios/ or a file; default: the scenario of the lab with that --name, or " + defaultScenario + ". In a running lab, the command " +
			"adds missing parts, or reports the differences from the scenario. The command thaws a parked lab.\nCtrl-C removes everything that this run began, unless --keep is given.",
		Example: "  skidpad up --dry-run\n  skidpad up cilium-bgp-vrrp --name first",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			s, err := wantedScenario(cmd.Context(), a, o.Name)
			if err != nil {
				return err
			}
			o.Scenario, o.Images = s, policy.Policy
			if dryRun {
				p, err := lab.Draft(cmd.Context(), o)
				if err != nil {
					return err
				}
				text, err := lab.Text(p)
				if err != nil {
					return err
				}
				fmt.Fprint(cmd.OutOrStdout(), text)
				return nil
			}
			err = up(cmd, o, !noChecks)
			if stopped := (*lab.StepError)(nil); len(a) == 1 && errors.As(err, &stopped) {
				stopped.Scenario = a[0]
			}
			return err
		},
	}
	cmd.Flags().StringVar(&o.Name, "name", "", "the lab's name (default: the scenario's)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the plan, and make nothing")
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "leave a half-made lab on Ctrl-C")
	cmd.Flags().BoolVar(&noChecks, "no-checks", false, "do not run the scenario's quick checks at the end")
	cmd.Flags().StringSliceVar(&o.Without, "without", nil, "switch levers off, the measures for a quick bring-up: "+strings.Join(leverNames(), ", "))
	cmd.Flags().Var(&policy, "images", "source of images: auto, pull, build or local")
	return cmd
}

func leverNames() []string {
	var names []string
	for _, l := range lab.Levers() {
		names = append(names, l.Name)
	}
	return names
}

// wantedScenario is the argument's scenario. Without an argument: the scenario of the lab with that name, or the default
// scenario.
func wantedScenario(ctx context.Context, a []string, name string) (*scenario.Scenario, error) {
	if len(a) == 1 {
		return loadScenario(a[0])
	}
	if name != "" {
		if l, err := lab.Find(ctx, name); err == nil {
			return l.Plan.Scenario, nil
		}
	}
	return loadScenario(defaultScenario)
}

// up brings up the lab with progress on standard error, runs the quick checks without a fault and prints the guide.
func up(cmd *cobra.Command, o lab.Options, checks bool) error {
	p := newProgress(os.Stderr)
	o.Progress = p
	l, err := lab.Up(cmd.Context(), o)
	p.Close()
	if err != nil {
		return err
	}
	var failed error
	if checks {
		// A scenario may have no checks, or only checks with a fault.
		if r := quickLab(cmd.Context(), l, check.Of(l.Plan.Scenario), cmd.ErrOrStderr()); len(r.Checks) > 0 {
			failed = publishFailures(cmd, r)
		} else if err := settle(cmd.Context(), l); err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "%v\nthe lab runs; look again with `skidpad status --name %s`\n", err, l.Plan.Lab)
		}
	}
	return errors.Join(printGuide(cmd, l), failed)
}

// settleWithin is longer than the time until sessions between routers come up, two retries included.
const settleWithin = 30 * time.Second

// settle waits until the lab has no problem. A lab that never has all its sessions may be the intention of the scenario.
func settle(ctx context.Context, l *lab.Lab) error {
	return wait.Until(ctx, wait.For{What: "lab " + l.Plan.Lab + ": no problems", Within: settleWithin}, func(ctx context.Context) error {
		st, err := l.Status(ctx)
		if err == nil && !st.Healthy {
			err = errors.New(strings.Join(st.Problems, "; "))
		}
		return err
	})
}

// publishFailures prints the checks of a run that do not hold, and returns an exit code.
func publishFailures(cmd *cobra.Command, r report.Run) error {
	code := report.ExitCode([]report.Run{r})
	if code == exitHeld {
		return nil
	}
	if err := report.Text(cmd.ErrOrStderr(), []report.Run{r}, false); err != nil {
		return err
	}
	return &exitError{code: code}
}

// printGuide prints the parts of the lab and the next commands.
func printGuide(cmd *cobra.Command, l *lab.Lab) error {
	w := cmd.OutOrStdout()
	st, err := l.Status(cmd.Context())
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := statusTable(w, st); err != nil {
		return err
	}
	if st.Kubeconfig != "" {
		fmt.Fprintf(w, "\nkubeconfig  %s\n", st.Kubeconfig)
	}
	fmt.Fprintln(w)
	for _, command := range guide(l.Plan) {
		fmt.Fprintln(w, "  skidpad "+command)
	}
	return nil
}
