package labtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plain"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
)

const (
	// ReportsEnv is the folder for failed specs' folders; unset, the folder is `reports` in the module under test (Source).
	ReportsEnv = "SKIDPAD_REPORTS"
	// collectWithin bounds the collection for all labs of a spec. Data missing by then is left out, with a note.
	collectWithin = 15 * time.Second
	// collectMost limits the failed specs of a suite with a collection from labs: a hundred further collections would
	// repeat the first.
	collectMost = 8
)

// collected counts the failed specs with a collection from labs.
var collected int

// failedLab is the lab of the spec that ended a run with --keep.
var failedLab string

// AfterEach is for every suite: var _ = JustAfterEach(labtest.AfterEach). Before a failed spec cleans up, AfterEach
// collects evidence in a folder with the spec's name. Errors of the collection do not change the spec's outcome.
func AfterEach(ctx ginkgo.SpecContext) {
	spec := ginkgo.CurrentSpecReport()
	defer func() { opened = nil }()
	if !spec.Failed() {
		return
	}
	dir := gather(ctx, spec, fmt.Sprintf("%s: %s\n%s", spec.State, spec.FailureMessage(), spec.FailureLocation()), opened)
	if *keep && len(opened) > 0 {
		failedLab = opened[0].Plan.Lab
		ginkgo.AbortSuite(inside(failedLab, opened[0].Names()[0], dir))
	}
}

// gather fills the spec's folder: the spec's outcome, and the labs' evidence.
func gather(ctx context.Context, spec ginkgo.SpecReport, outcome string, from []*shared) (dir string) {
	began := time.Now()
	dir = filepath.Join(reports(), "failures", folder(spec.FullText()))
	ctxAll, cancel := context.WithTimeout(context.WithoutCancel(ctx), Patience(collectWithin))
	defer cancel()
	err := write(dir, "spec.txt", []byte(describe(spec, outcome)), nil)
	if collected++; collected > collectMost {
		from, err = nil, errors.Join(err, fmt.Errorf("%d specs have failed, so nothing was collected from the lab again", collected))
	}
	for _, sh := range from {
		err = errors.Join(err, collect(ctxAll, sh, filepath.Join(dir, sh.Plan.Lab), spec.FullText()))
	}
	ginkgo.AddReportEntry("folder", dir)
	fmt.Fprintf(ginkgo.GinkgoWriter, "\ncollected in %.1fs: %s\n", time.Since(began).Seconds(), dir)
	if err != nil {
		fmt.Fprintf(ginkgo.GinkgoWriter, "the collection is incomplete: %v\n", err)
	}
	return dir
}

// inside returns the commands to look into a kept lab with a node.
func inside(name, node, dir string) string {
	return fmt.Sprintf("lab %[1]s is in the state of the failed spec; the collection is in %[2]s. To look inside:\n"+
		"  skidpad status --name %[1]s\n  skidpad routes --name %[1]s\n  skidpad shell %[3]s --name %[1]s\n"+
		"  skidpad watch --name %[1]s --for 10s\nand then: skidpad down --name %[1]s", name, dir, node)
}

// reports is the folder of a run's reports.
func reports() string {
	if dir := os.Getenv(ReportsEnv); dir != "" {
		return dir
	}
	return filepath.Join(Source(), "reports")
}

// maxName limits a folder's name; file systems allow 255 bytes.
const maxName = 150

// folder makes a folder's name from a spec's text.
func folder(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	name := strings.Join(words, "-")
	return strings.TrimRight(name[:min(len(name), maxName)], "-")
}

func describe(spec ginkgo.SpecReport, outcome string) string {
	return fmt.Sprintf("%s\n%v\n\n%s\n\nlabels: %v\nseed: %d\n\n--- what the spec wrote\n%s",
		spec.FullText(), spec.LeafNodeLocation, outcome, spec.Labels(), ginkgo.GinkgoRandomSeed(), spec.CapturedGinkgoWriterOutput)
}

// collect collects a lab's evidence, all parts at the same time.
func collect(ctx context.Context, sh *shared, dir, reason string) error {
	c := &collection{dir: dir}
	c.file("timeline.txt", func() ([]byte, error) {
		var b bytes.Buffer
		err := sh.recorder.now().Text(&b)
		return b.Bytes(), err
	})
	c.group.Go(func() { c.note(sh.recorder.save(dir)) })
	c.file("status.yaml", func() ([]byte, error) {
		st, err := sh.Status(ctx)
		if err != nil {
			return nil, err
		}
		return yaml.Marshal(st)
	})
	c.group.Go(func() { c.note(sh.recorder.keep(dir, reason)) })
	for _, r := range sh.Plan.Routers {
		c.commands(ctx, sh.Lab, r.Name, sh.shows(r))
	}
	for _, client := range sh.Plan.Clients {
		c.commands(ctx, sh.Lab, client.Name, kernel)
	}
	if sh.Kube != nil {
		for _, n := range sh.Plan.Cluster.Nodes {
			c.commands(ctx, sh.Lab, n.Short, sh.agents())
		}
		c.file("kubernetes.txt", func() ([]byte, error) { return kubernetes(ctx, sh) })
	}
	c.group.Wait()
	c.note(page(dir))
	return c.err
}

// collection writes files from several goroutines.
type collection struct {
	dir   string
	group sync.WaitGroup
	mu    sync.Mutex
	err   error
}

func (c *collection) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errors.Join(c.err, err)
}

func (c *collection) file(name string, make func() ([]byte, error)) {
	c.group.Go(func() {
		data, err := make()
		c.note(write(c.dir, name, data, err))
	})
}

// write writes a file; if the data are incomplete, the file names the reason.
func write(dir, name string, data []byte, failed error) error {
	if failed != nil {
		data = append(data, []byte("\nNOT COMPLETE: "+failed.Error()+"\n")...)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), data, 0o644)
}

// commands writes the output of commands on a node, in sequence, to a file with the node's name.
func (c *collection) commands(ctx context.Context, l *Lab, name string, cmds []string) {
	c.file(name+".txt", func() ([]byte, error) {
		n, err := l.Node(name)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		for _, cmd := range cmds {
			out, err := n.Exec(ctx, "sh", "-c", cmd)
			fmt.Fprintf(&b, "### %s\n%s\n", cmd, plain.Hide(string(out)))
			var exit *node.ExitError
			if errors.As(err, &exit) {
				fmt.Fprintf(&b, "(exit code %d: %s)\n", exit.Code, plain.Hide(exit.Stderr))
			} else if err != nil {
				return b.Bytes(), err
			}
		}
		return b.Bytes(), nil
	})
}

// kernel are the commands for a node's forwarding state in the kernel.
var kernel = []string{"ip -s link", "ip address", "ip route show table all", "ip neighbour"}

// agents are the commands for the addons' state on a cluster node.
func (l *Lab) agents() []string {
	cmds := append(slices.Clone(kernel), "crictl ps -a")
	for _, a := range l.Plan.Scenario.Spec.Addons {
		if of, ok := a.Fields.(addon.Shower); ok {
			cmds = append(cmds, of.Show()...)
		}
	}
	return cmds
}

// shows are what a router's software and kernel have to say of their state.
func (l *Lab) shows(r plan.Router) []string {
	of, err := router.Of(l.Plan, r)
	if err != nil {
		return kernel
	}
	return append(of.Commands().State, kernel...)
}

// kubernetes lists the cluster's events, pods, services and leases.
func kubernetes(ctx context.Context, sh *shared) ([]byte, error) {
	var b bytes.Buffer
	section := func(title string, list any, err error) error {
		text, _ := yaml.Marshal(list)
		fmt.Fprintf(&b, "### %s\n%s\n", title, text)
		return err
	}
	k, all := sh.Kube.Client, metav1.ListOptions{}
	events, err1 := k.CoreV1().Events("").List(ctx, all)
	for _, e := range events.Items {
		fmt.Fprintf(&b, "%s %s %s/%s %s: %s\n", e.LastTimestamp.Format(time.TimeOnly), e.Type, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
	pods, err2 := k.CoreV1().Pods("").List(ctx, all)
	for _, p := range pods.Items {
		fmt.Fprintf(&b, "pod %s/%s on %s: %s %s\n", p.Namespace, p.Name, p.Spec.NodeName, p.Status.Phase, p.Status.PodIP)
	}
	services, err3 := k.CoreV1().Services("").List(ctx, all)
	leases, err4 := k.CoordinationV1().Leases("").List(ctx, all)
	return b.Bytes(), errors.Join(err1, err2, section("services", services.Items, err3), section("leases", leases.Items, err4))
}
