package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/fleet"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/scenarios"
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
	l, err := newLoad(ctx, cmd.ErrOrStderr(), a, o)
	if err != nil {
		return err
	}
	defer l.close()
	fo.Tasks = l.tasks
	if fo.Image, err = l.runner(ctx); err != nil {
		return err
	}
	if o.registry == "" {
		fo.Deliver = func(ctx context.Context, nodes []corev1.Node) error {
			return fleet.Deliver(ctx, l.engine, nodes, fo.Image)
		}
	} else if fo.Image, err = l.push(ctx, o.registry); err != nil {
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
	var busy *fleet.BusyError
	switch {
	case errors.As(err, &busy):
		return usage("%w", err)
	case err != nil:
		return err
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

// load collects the tasks, and everything that their pods need.
type load struct {
	engine  *docker.Engine
	out     io.Writer
	scratch string
	program string
	tasks   []fleet.Task
	images  []plan.Image
	files   map[string]string // in the runner image's project
	made    image.Resolved
}

func newLoad(ctx context.Context, out io.Writer, a []string, o runOptions) (*load, error) {
	if err := host.EnsureEngine(ctx, func(s string) { fmt.Fprintln(out, s) }); err != nil {
		return nil, err
	}
	engine, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	l := &load{engine: engine, out: out, program: o.program, files: map[string]string{}}
	if l.scratch, err = os.MkdirTemp("", "skidpad-run-"); err != nil {
		return nil, err
	}
	err = l.fill(ctx, a, o)
	if err != nil {
		l.close()
	}
	return l, err
}

func (l *load) close() {
	_ = l.engine.Close() // nothing was written
	_ = os.RemoveAll(l.scratch)
}

func (l *load) fill(ctx context.Context, a []string, o runOptions) error {
	if l.program == "" {
		if runtime.GOOS != "linux" {
			return usage("this program is for %s; want --program with a skidpad for Linux", runtime.GOOS)
		}
		var err error
		if l.program, err = os.Executable(); err != nil {
			return err
		}
	}
	if dir := scenarios.Project(); dir != "" {
		if err := l.folder(filepath.Join(dir, "scenarios"), "scenarios"); err != nil {
			return err
		}
	}
	for _, arg := range a {
		if err := l.add(ctx, arg, o); err != nil {
			return err
		}
	}
	for _, i := range o.more {
		name, version, _ := strings.Cut(i, "@")
		l.images = append(l.images, plan.Image{Name: name, Version: version})
	}
	if len(l.images) == 0 { // --clean, and suites that name no scenario
		l.images = append(l.images, plan.Image{Name: "client"})
	}
	return nil
}

// add adds the tasks of an argument: a suite's folder, a scenario or a bug.
func (l *load) add(ctx context.Context, arg string, o runOptions) error {
	if tests, _ := filepath.Glob(filepath.Join(arg, "*_test.go")); len(tests) > 0 {
		return l.suite(ctx, arg, o)
	}
	if slices.Contains(bugIDs(), arg) && !slices.Contains(scenarioNames(), arg) {
		s, err := loadBug(arg)
		if err != nil {
			return err
		}
		halves := []scenario.Half{s.Bug.Broken}
		if s.Bug.Fixed != nil {
			halves = append(halves, *s.Bug.Fixed)
		}
		for _, h := range halves {
			made, err := s.Half(h)
			if err != nil {
				return err
			}
			if err := l.need(ctx, made); err != nil {
				return err
			}
		}
		return l.task(fleet.Task{Name: "repro-" + arg, Kind: fleet.KindBug, Arg: arg})
	}
	s, err := loadScenario(arg)
	if err != nil {
		return err
	}
	t := fleet.Task{Name: "scenario-" + s.Metadata.Name, Kind: fleet.KindScenario, Arg: arg}
	if strings.ContainsRune(arg, filepath.Separator) || filepath.Ext(arg) != "" {
		in := fmt.Sprintf("files/%d", len(l.tasks))
		if err := l.folder(filepath.Dir(arg), in); err != nil {
			return err
		}
		t.Arg = in + "/" + filepath.Base(arg)
	}
	if err := l.need(ctx, s); err != nil {
		return err
	}
	return l.task(t)
}

func (l *load) task(t fleet.Task) error {
	if slices.ContainsFunc(l.tasks, func(have fleet.Task) bool { return have.Name == t.Name }) {
		return usage("%s is given twice", t.Arg)
	}
	l.tasks = append(l.tasks, t)
	return nil
}

// need adds the images of a scenario.
func (l *load) need(ctx context.Context, s *scenario.Scenario) error {
	p, err := lab.Draft(ctx, lab.Options{Scenario: s})
	if err != nil {
		return err
	}
	l.images = append(l.images, p.Images...)
	return nil
}

// folder adds the files below a folder.
func (l *load) folder(dir, in string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		full, err := filepath.Abs(path)
		l.files[in+"/"+filepath.ToSlash(rel)] = full
		return err
	})
}

// suite compiles a suite and adds a task for each of its files with specs.
func (l *load) suite(ctx context.Context, dir string, o runOptions) error {
	top, err := goCommand(ctx, dir, "env", "GOMOD")
	if err != nil {
		return err
	}
	mod := strings.TrimSpace(top)
	full, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	in, err := filepath.Rel(filepath.Dir(mod), full)
	if err != nil {
		return err
	}
	in = filepath.ToSlash(in)
	name := filepath.Base(full)
	fmt.Fprintf(l.out, "compiling %s\n", in)
	native := filepath.Join(l.scratch, strings.ReplaceAll(in, "/", "-")+".test")
	if _, err := goCommand(ctx, dir, "test", "-c", "-o", native, "."); err != nil {
		return err
	}
	program := native
	if runtime.GOOS != "linux" {
		program += ".linux"
		if _, err := goCommand(ctx, dir, "test", "-c", "-o", program, "."); err != nil {
			return err
		}
	}
	l.files["go.mod"], l.files[in+"/"+name+".test"] = mod, program
	if _, err := os.Stat(filepath.Join(dir, "testdata")); err == nil {
		if err := l.folder(filepath.Join(dir, "testdata"), in+"/testdata"); err != nil {
			return err
		}
	}
	files, err := specFiles(ctx, native, full, o.labels, l.scratch)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return usage("suite %s has no spec for the filter %q", dir, o.labels)
	}
	for _, file := range files {
		short := strings.TrimSuffix(file, "_test.go")
		t := fleet.Task{Name: "suite-" + name + "-" + short, Kind: fleet.KindSuite, Arg: in, File: "/" + file, Filter: o.labels}
		if err := l.task(t); err != nil {
			return err
		}
	}
	return l.needOf(ctx, full, files)
}

// goCommand runs go in a folder; programs are for Linux, without C.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if strings.HasSuffix(strings.Join(args, " "), ".linux .") {
		cmd.Env = append(cmd.Env, "GOOS=linux")
	}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("go %s in %s: %w", args[0], dir, err)
	}
	return string(out), nil
}

// specFiles returns the files with specs that a filter chooses.
func specFiles(ctx context.Context, program, dir, labels, scratch string) ([]string, error) {
	list := filepath.Join(scratch, "specs.json")
	cmd := exec.CommandContext(ctx, program, "--ginkgo.dry-run", "--ginkgo.label-filter="+labels, "--ginkgo.json-report="+list)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("specs of %s: %w: %s", dir, err, out)
	}
	data, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	var suites []struct {
		SpecReports []struct {
			LeafNodeType, State string
			LeafNodeLocation    struct{ FileName string }
		}
	}
	if err := json.Unmarshal(data, &suites); err != nil {
		return nil, err
	}
	var files []string
	for _, su := range suites {
		for _, s := range su.SpecReports {
			if s.LeafNodeType == "It" && s.State == "passed" {
				files = append(files, filepath.Base(s.LeafNodeLocation.FileName))
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// needOf adds the images of the scenarios that a suite's sources name in plain strings: by name, or as a file of testdata. Node
// images are too large for every pod; --image adds them.
func (l *load) needOf(ctx context.Context, dir string, specs []string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return err
	}
	named := map[string]string{} // what loadScenario takes, by the string
	for _, n := range scenarioNames() {
		named[n] = n
	}
	own, err := filepath.Glob(filepath.Join(dir, "testdata", "*.yaml"))
	for _, f := range own {
		named[filepath.Base(f)] = f
	}
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		err = errors.Join(err, readErr)
		if !slices.Contains(specs, filepath.Base(file)) && declaresSpecs.Match(text) {
			continue
		}
		parsed, parseErr := parser.ParseFile(token.NewFileSet(), file, text, 0)
		if err := errors.Join(err, parseErr); err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING {
				return true
			}
			name, _ := strconv.Unquote(text.Value) // the parser has read it
			if s, loadErr := loadScenario(cmp.Or(named[name], ".yaml")); loadErr == nil && s.Spec.Cluster == nil {
				err = errors.Join(err, l.need(ctx, s))
				delete(named, name)
			}
			return true
		})
	}
	return err
}

// declaresSpecs finds the files with specs among a suite's files.
var declaresSpecs = regexp.MustCompile(`(?m)^var _ = (Describe|DescribeTable|It|Context)\(`)

// runner makes the runner image and returns its name in the engine.
func (l *load) runner(ctx context.Context) (string, error) {
	show := func(e image.Event) {
		fmt.Fprintf(l.out, "%7.1fs  %-28s %-8s %s\n", e.Elapsed.Seconds(), e.What, e.Status, e.Detail)
	}
	found, err := image.New(l.engine, lab.Images()...).Ensure(ctx, append([]plan.Image{{Name: "engine"}}, l.images...), image.Auto, show)
	if err != nil {
		return "", err
	}
	engine := found["engine"]
	delete(found, "engine")
	var all []image.Resolved
	for _, i := range found {
		all = append(all, i)
	}
	own := append(lab.Images(), fleet.Runner(engine, fleet.Load{Program: l.program, Images: all, Files: l.files}))
	made, err := image.New(l.engine, own...).Ensure(ctx, []plan.Image{{Name: fleet.RunnerImage}}, image.Auto, show)
	if err != nil {
		return "", err
	}
	l.made = made[fleet.RunnerImage]
	return l.made.Ref, nil
}

// push pushes the runner image to a registry and returns its name there.
func (l *load) push(ctx context.Context, registry string) (ref string, err error) {
	err = image.New(l.engine, lab.Images()...).Push(ctx, map[string]image.Resolved{fleet.RunnerImage: l.made}, registry, func(pushed string) { ref = pushed })
	return ref, err
}
