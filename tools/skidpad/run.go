package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"skidpad.dev/skidpad/lab/fleet"
)

// runOptions are the flags of run.
type runOptions struct {
	on, name, kubeconfig, context, namespace string
	cpu, memory, cache, registry, program    string
	labels, reports                          string
	more                                     []string
	shards                                   int
	retries                                  int32
	fresh, clean                             bool
	format                                   format
}

func runCmd() *cobra.Command {
	var o runOptions
	var shard, preflight, cleanNode bool
	cmd := &cobra.Command{
		Use:   "run --on kubernetes [SUITE|SCENARIO|BUG...]",
		Short: "Run scenarios, bugs and suites on the nodes of a Kubernetes cluster",
		Long: "Makes one Indexed Job on a cluster that runs already. Each shard is a privileged pod with an engine of its own; shards are balanced by\n" +
			"the durations of earlier runs. A failed check is never repeated; a lab that could not be made, and a lost pod, are repeated on another\n" +
			"node. The merged report (HTML, JUnit, JSON) is in reports/fleet/NAME. A repeated call with the same name runs only tasks without a\n" +
			"result. Ctrl-C removes everything from the cluster, except for the cache on the nodes, which --clean removes.\n" +
			"A missed bound on a node that others kept busy is unknown and not failed.",
		Example: "  skidpad run --on kubernetes frr-bfd frr-16658 --shards 2\n  skidpad run --on kubernetes ./suites/bgp --label '!slow' --shards 4 --registry localhost:5000/skidpad\n  skidpad run --on kubernetes --clean",
	}
	f := cmd.Flags()
	o.flags(f)
	f.BoolVar(&shard, "shard", false, "run the tasks of this pod's shard")
	f.BoolVar(&preflight, "preflight", false, "try this pod's node")
	f.BoolVar(&cleanNode, "clean-node", false, "remove the cache of this pod's node")
	for _, hidden := range []string{"shard", "preflight", "clean-node"} {
		_ = f.MarkHidden(hidden) // the flag is there
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		switch {
		case cleanNode:
			return fleet.Clean(cmd.OutOrStdout())
		case shard, preflight:
			code, err := fleet.Shard(cmd.Context(), cmd.OutOrStdout(), preflight)
			if code != exitHeld || err != nil {
				return &exitError{code, err}
			}
			return nil
		case o.on != "kubernetes":
			return usage("--on %q: want kubernetes; `skidpad test` and `skidpad repro` run on this machine", o.on)
		case o.shards < 1:
			return usage("--shards %d: want at least 1", o.shards)
		case len(a) == 0 && !o.clean:
			return usage("want a suite's folder, a scenario or a bug; see `skidpad scenarios list` and `skidpad repro list`")
		}
		o.format = *output
		return runFleet(cmd, a, o)
	}
	return cmd
}

func (o *runOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.on, "on", "", "where to run: kubernetes")
	f.IntVar(&o.shards, "shards", 2, "number of pods that run at the same time")
	f.StringVar(&o.name, "name", "", "the run's name (default: the first argument's)")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file (default: KUBECONFIG, or ~/.kube/config)")
	f.StringVar(&o.context, "context", "", "context of the kubeconfig")
	f.StringVar(&o.namespace, "namespace", "skidpad-fleet", "namespace for the pods; it is made, and removed again, if it is not there")
	f.StringVar(&o.cpu, "cpu", "2", "processors of a shard: request and limit")
	f.StringVar(&o.memory, "memory", "4Gi", "memory of a shard: request and limit")
	f.Int32Var(&o.retries, "retries", 2, "repetitions of a shard whose lab could not be made, or whose pod was lost")
	f.StringVar(&o.cache, "cache", "/var/lib/skidpad-fleet", "folder on the nodes for the engines' images; empty: nothing is kept on nodes")
	f.StringVar(&o.registry, "registry", "", "push the runner image to this folder of a registry: HOST/FOLDER; not needed for nodes that are containers of this engine")
	f.StringVar(&o.program, "program", "", "skidpad for Linux (default: this program)")
	f.StringVar(&o.labels, "label", "!"+slowLabel, "Ginkgo's label filter for the specs of suites")
	f.StringSliceVar(&o.more, "image", nil, "further images for suites: NAME or NAME@VERSION")
	f.StringVar(&o.reports, "reports", reportRoot, "folder for reports")
	f.BoolVar(&o.fresh, "fresh", false, "forget the results of an earlier run of this name")
	f.BoolVar(&o.clean, "clean", false, "only remove the cache from the nodes")
}

// runFleet makes the runner image, runs the tasks and publishes the merged report.
func runFleet(cmd *cobra.Command, a []string, o runOptions) error {
	ctx := cmd.Context()
	spec, err := o.spec(a)
	if err != nil {
		return err
	}
	config, client, err := o.client()
	if err != nil {
		return err
	}
	fo := fleet.Options{Spec: spec, Config: config, Client: client, Shards: o.shards, Dir: filepath.Join(o.reports, "fleet", spec.Name), Out: cmd.ErrOrStderr()}
	pack, err := fleet.Gather(ctx, fleet.Wanted{
		Args: a, Labels: o.labels, Images: o.more, Program: o.program, Scenarios: scenarioNames(), Bugs: bugIDs(), Load: loadScenario, Out: cmd.ErrOrStderr(),
	})
	if err != nil {
		return misuse(err)
	}
	defer pack.Close()
	if err := pack.Into(ctx, &fo, o.registry); err != nil {
		return err
	}
	if o.clean {
		return fleet.CleanNodes(ctx, fo)
	}
	if o.fresh {
		if err := os.RemoveAll(fo.Dir); err != nil {
			return err
		}
	}
	if err := recorded(fo.Tasks, filepath.Join(o.reports, "fleet")); err != nil {
		return err
	}
	s, err := fleet.Run(ctx, fo)
	if err != nil {
		return misuse(err)
	}
	if err := s.Save(fo.Dir); err != nil {
		return err
	}
	if err := printAs(cmd.OutOrStdout(), o.format, s, s.Text); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s\n", filepath.Join(fo.Dir, "report.html"))
	if s.Code != exitHeld {
		return &exitError{code: s.Code}
	}
	return nil
}

// misuse marks the mistakes in the call among fleet's errors.
func misuse(err error) error {
	var busy *fleet.BusyError
	var argument *fleet.ArgumentError
	if errors.As(err, &busy) || errors.As(err, &argument) {
		return usage("%w", err)
	}
	return err
}

// client returns the client of the cluster.
func (o runOptions) client() (*rest.Config, kubernetes.Interface, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: o.kubeconfig, Precedence: clientcmd.NewDefaultClientConfigLoadingRules().Precedence},
		&clientcmd.ConfigOverrides{CurrentContext: o.context}).ClientConfig()
	if err != nil {
		return nil, nil, usage("kubeconfig: %w", err)
	}
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, usage("kubeconfig: %w", err)
	}
	return config, client, nil
}

// recorded fills in the durations of earlier runs.
func recorded(tasks []fleet.Task, root string) error {
	took, err := fleet.Recorded(root)
	for i, t := range tasks {
		tasks[i].Took = took[t.Name]
		if m := lastMeasured(t.Arg); t.Kind == fleet.KindBug && m != nil && took[t.Name] == 0 {
			tasks[i].Took = int64(m.Took.Seconds())
		}
	}
	return err
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// spec checks the flags.
func (o runOptions) spec(a []string) (s fleet.Spec, err error) {
	name := o.name
	if name == "" && len(a) > 0 {
		name = strings.TrimSuffix(filepath.Base(a[0]), ".yaml")
	}
	if o.clean {
		name = "clean"
	}
	s = fleet.Spec{Name: strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-"), Namespace: o.namespace, Retries: o.retries, Cache: o.cache}
	if s.Name == "" || len(s.Name) > 40 || o.name != "" && s.Name != o.name {
		return s, usage("--name %q: want at most 40 lower-case letters, digits and hyphens", name)
	}
	if s.CPU, err = resource.ParseQuantity(o.cpu); err != nil {
		return s, usage("--cpu %q: %w", o.cpu, err)
	}
	if s.Memory, err = resource.ParseQuantity(o.memory); err != nil {
		return s, usage("--memory %q: %w", o.memory, err)
	}
	if o.retries < 0 {
		return s, usage("--retries %d: want 0 or more", o.retries)
	}
	return s, nil
}
