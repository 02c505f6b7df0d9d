package addon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"helm.sh/helm/v3/pkg/chart"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
)

var (
	daemonSets  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
)

// plannedWithin bounds each of Ready's waits.
const plannedWithin = 6 * time.Minute

// Planned is an addon with a complete plan: definitions from a Go module, a Helm chart, manifests, and the objects to wait
// for.
type Planned struct {
	plan      plan.Addon
	cluster   *plan.Cluster
	values    map[string]any // of the chart, with the images and the parts of this lab
	manifests []string
	ready     []plan.Ready
	log       func(string)

	chart *chart.Chart
	crds  []*apiextensionsv1.CustomResourceDefinition
}

var _ Addon = (*Planned)(nil)

// NewPlanned returns an addon of the plan with its images, by plan.Image.Key. log gets a line for each event of interest, and
// may be nil.
func NewPlanned(p *plan.Plan, a plan.Addon, images map[string]image.Resolved, log func(string)) (*Planned, error) {
	if p.Cluster == nil {
		return nil, errors.New("lab bug: the plan has no cluster for " + a.Name)
	}
	if log == nil {
		log = func(string) {}
	}
	var pairs []string
	for _, i := range a.Images {
		r, ok := images[i.Key()]
		if !ok {
			return nil, fmt.Errorf("lab bug: image %s of %s is not resolved", i.Key(), a.Name)
		}
		pairs = append(pairs, written(i, r)...)
	}
	out := &Planned{plan: a, cluster: p.Cluster, ready: slices.Clone(a.Ready), log: log}
	if a.Chart != nil {
		out.values = a.Chart.Values
	}
	for _, part := range p.Parts {
		if part.Addon != a.Name || slices.ContainsFunc(part.Images, func(i plan.Image) bool { _, ok := images[i.Key()]; return !ok }) {
			continue // a part of another addon, or a part that is left out
		}
		for _, i := range part.Images {
			pairs = append(pairs, written(i, images[i.Key()])...)
		}
		out.values = plan.Merge(part.Values, out.values)
		out.ready = append(out.ready, part.Ready...)
	}
	refs := strings.NewReplacer(pairs...)
	if out.values != nil {
		out.values = replaced(out.values, refs).(map[string]any)
	}
	for _, m := range a.Manifests {
		out.manifests = append(out.manifests, refs.Replace(m))
	}
	return out, nil
}

// written pairs each form of an image in the plan with the image's reference, or with half of the reference.
func written(i plan.Image, r image.Resolved) []string {
	repository, tag := i.RefParts()
	cut := strings.LastIndexByte(r.Ref, ':')
	return []string{i.Ref(), r.Ref, repository, r.Ref[:max(cut, 0)], tag, r.Ref[cut+1:]}
}

// Name returns the addon's name for messages.
func (a *Planned) Name() string { return a.plan.Name }

// Prepare reads the definitions and the chart.
func (a *Planned) Prepare(ctx context.Context) error {
	tree := ""
	if c := a.plan.Chart; c != nil && a.chart == nil {
		source, err := findChart(ctx, c)
		if err == nil {
			a.chart, err = source.load()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.plan.Name, err)
		}
		a.log("chart from " + source.from)
		tree = source.tree
	}
	d := a.plan.Definitions
	if d == nil || a.crds != nil {
		return nil
	}
	var err error
	if d.Module != "" {
		if tree, err = moduleDir(ctx, d.Module, d.Version); err != nil {
			return fmt.Errorf("%s: definitions of its resources: module %s %s: %w", a.plan.Name, d.Module, d.Version, err)
		}
	}
	if tree == "" {
		return nil // the addon's own program creates the definitions
	}
	if a.crds, err = readDefinitions(tree, d); err != nil {
		return fmt.Errorf("%s: %w", a.plan.Name, err)
	}
	return nil
}

// Install hands definitions, chart and manifests to the API server. Manifests wait for the definitions of their kinds.
func (a *Planned) Install(ctx context.Context, k *cluster.Kube) error {
	if err := a.Prepare(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if c := a.plan.Chart; c != nil {
		group.Go(func() error { return installRelease(ctx, k, place{c.Release, c.Namespace}, a.chart, a.values, a.log) })
	}
	group.Go(func() error {
		start := time.Now()
		if err := createCRDs(ctx, k, a.crds); err != nil {
			return err
		}
		if len(a.crds) > 0 {
			a.log(fmt.Sprintf("%d custom resource definitions: %s", len(a.crds), time.Since(start).Round(10*time.Millisecond)))
		}
		return a.Configure(ctx, k)
	})
	return group.Wait()
}

// Configure applies the manifests.
func (a *Planned) Configure(ctx context.Context, k *cluster.Kube) error {
	if err := k.Apply(ctx, a.manifests...); err != nil {
		return fmt.Errorf("%s: %w", a.plan.Name, err)
	}
	return nil
}

// replaced returns a value of maps, lists and scalars with all strings rewritten.
func replaced(v any, r *strings.Replacer) any {
	switch v := v.(type) {
	case string:
		return r.Replace(v)
	case map[string]any:
		out := map[string]any{}
		for key, x := range v {
			out[key] = replaced(x, r)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = replaced(x, r)
		}
		return out
	}
	return v
}

// Ready waits for every DaemonSet and Deployment of the plan.
func (a *Planned) Ready(ctx context.Context, k *cluster.Kube) error {
	nodes, err := members(ctx, k, a.cluster)
	if err != nil {
		return fmt.Errorf("%s: %w", a.plan.Name, err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range a.ready {
		group.Go(func() error { return a.await(ctx, k, r, nodes) })
	}
	return group.Wait()
}

func (a *Planned) await(ctx context.Context, k *cluster.Kube, r plan.Ready, nodes int) error {
	nudging, stop := context.WithCancel(ctx)
	defer stop()
	labels := r.Selector()
	go nudge(nudging, k, r.Namespace, labels)
	w := cluster.Wait{
		What:     fmt.Sprintf("%s %s/%s: ready on %d nodes", r.Kind, r.Namespace, r.Name, nodes),
		Resource: daemonSets, Namespace: r.Namespace, Fields: "metadata.name=" + r.Name, Within: plannedWithin,
		Done:    func(seen []*unstructured.Unstructured) (bool, string) { return daemonSetReady(seen, nodes) },
		Explain: func(ctx context.Context) string { return k.ExplainPods(ctx, r.Namespace, labels) },
	}
	if r.Kind == "Deployment" {
		w.What, w.Resource = fmt.Sprintf("%s %s/%s: available", r.Kind, r.Namespace, r.Name), deployments
		w.Done = func(seen []*unstructured.Unstructured) (bool, string) { return deploymentAvailable(seen, 1) }
	}
	return k.WaitFor(ctx, w)
}

func daemonSetReady(seen []*unstructured.Unstructured, nodes int) (bool, string) {
	if len(seen) == 0 {
		return false, "it is not there"
	}
	desired, ready, updated := number(seen[0], "desiredNumberScheduled"), number(seen[0], "numberReady"), number(seen[0], "updatedNumberScheduled")
	text := strconv.Itoa(ready) + " ready and " + strconv.Itoa(updated) + " up to date of " + strconv.Itoa(desired)
	return current(seen[0]) && desired == nodes && ready == nodes && updated == nodes, text
}

func deploymentAvailable(seen []*unstructured.Unstructured, want int) (bool, string) {
	if len(seen) == 0 {
		return false, "it is not there"
	}
	available, updated := number(seen[0], "availableReplicas"), number(seen[0], "updatedReplicas")
	text := fmt.Sprintf("%d available and %d up to date, %d wanted", available, updated, want)
	return current(seen[0]) && available >= want && updated >= want, text
}

// current reports whether an object's status is about the present specification.
func current(u *unstructured.Unstructured) bool {
	return number(u, "observedGeneration") >= int(u.GetGeneration())
}

func number(u *unstructured.Unstructured, field string) int {
	n, _, _ := unstructured.NestedInt64(u.Object, "status", field)
	return int(n)
}
