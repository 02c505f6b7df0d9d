package addon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"helm.sh/helm/v3/pkg/chart"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

var (
	daemonSets   = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}
	deployments  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	statefulSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
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
	objects   []scenario.Object // the user's own
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
		out.values = plan.Rewrite(out.values, refs.Replace).(map[string]any)
	}
	for _, m := range a.Manifests {
		out.manifests = append(out.manifests, refs.Replace(m))
	}
	for _, o := range a.Objects {
		o.Text = refs.Replace(o.Text)
		out.objects = append(out.objects, o)
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
			return refused(c.At, fmt.Errorf("%s: %w", a.plan.Name, err))
		}
		a.log("chart from " + source.from)
		tree = source.tree
	}
	if a.crds != nil {
		return nil
	}
	var all []*apiextensionsv1.CustomResourceDefinition
	for d := a.plan.Definitions; d != nil; d = d.And {
		crds, err := a.definitions(ctx, tree, d)
		if err != nil {
			return fmt.Errorf("%s: %w", a.plan.Name, err)
		}
		all = append(all, crds...)
	}
	a.crds = all
	return nil
}

// definitions reads definitions from their module, or from the tree of the chart's module. Without a tree the result is empty:
// the addon's own program creates the definitions.
func (a *Planned) definitions(ctx context.Context, tree string, d *plan.Definitions) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	if d.Module != "" {
		var err error
		if tree, err = moduleDir(ctx, d.Module, d.Version); err != nil {
			return nil, fmt.Errorf("definitions of its resources: module %s %s: %w", d.Module, d.Version, err)
		}
	}
	if tree == "" {
		return nil, nil
	}
	return readDefinitions(tree, d)
}

// Install hands definitions, chart and manifests to the API server. Manifests wait for the definitions of their kinds.
func (a *Planned) Install(ctx context.Context, k *cluster.Kube) error {
	if err := a.Prepare(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if c := a.plan.Chart; c != nil {
		group.Go(func() error {
			return refused(c.At, installRelease(ctx, k, place{c.Release, c.Namespace}, a.chart, a.values, a.log))
		})
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

// Configure applies the Secrets and the manifests.
func (a *Planned) Configure(ctx context.Context, k *cluster.Kube) error {
	if err := k.ApplyObjects(ctx, a.secrets()...); err != nil {
		return fmt.Errorf("%s: %w", a.plan.Name, err)
	}
	if err := k.Apply(ctx, a.manifests...); err != nil {
		return fmt.Errorf("%s: %w", a.plan.Name, err)
	}
	for _, o := range a.objects {
		if err := refused(o.At, k.ApplyPatiently(ctx, o.Text)); err != nil {
			return err
		}
	}
	return nil
}

// secrets returns the Secrets whose values are known, each after its namespace. A plan from a lab's record has no values, and the cluster already has the
// Secrets.
func (a *Planned) secrets() []runtime.Object {
	var all []runtime.Object
	for _, s := range a.plan.Secrets {
		if s.Namespace != metav1.NamespaceSystem {
			all = append(all, &corev1.Namespace{
				TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
				ObjectMeta: metav1.ObjectMeta{Name: s.Namespace},
			})
		}
		values := map[string]string{}
		for key, value := range s.Values {
			if secret, ok := value.Reveal(); ok {
				values[key] = secret
			}
		}
		if len(values) == len(s.Values) {
			all = append(all, &corev1.Secret{
				TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
				ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name},
				Type:       corev1.SecretType(s.Type),
				StringData: values,
			})
		}
	}
	return all
}

// refused marks the error of a part of the user's own with the place in the user's file. at is empty for other parts.
func refused(at string, err error) error {
	if err == nil || at == "" {
		return err
	}
	return &plan.RefusedError{At: at, Err: err}
}

// Ready waits for every object of the plan's list.
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
	if !slices.Contains([]string{"DaemonSet", "Deployment", "StatefulSet"}, r.Kind) || r.Condition != "" {
		return awaitObject(ctx, k, r)
	}
	labels := r.Selector()
	go nudge(nudging, k, r.Namespace, labels)
	w := cluster.Wait{
		What:     fmt.Sprintf("%s %s/%s: ready on %d nodes", r.Kind, r.Namespace, r.Name, nodes),
		Resource: daemonSets, Namespace: r.Namespace, Fields: "metadata.name=" + r.Name, Within: plannedWithin,
		Done:    func(seen []*unstructured.Unstructured) (bool, string) { return daemonSetReady(seen, nodes) },
		Explain: func(ctx context.Context) string { return k.ExplainPods(ctx, r.Namespace, labels) },
	}
	switch {
	case r.Kind == "Deployment":
		w.What, w.Resource = fmt.Sprintf("%s %s/%s: available", r.Kind, r.Namespace, r.Name), deployments
		w.Done = func(seen []*unstructured.Unstructured) (bool, string) { return deploymentAvailable(seen, 1) }
	case r.Kind == "StatefulSet":
		w.What, w.Resource, w.Done = fmt.Sprintf("%s %s/%s: all pods ready", r.Kind, r.Namespace, r.Name), statefulSets, statefulSetReady
	case r.SomeNodes:
		w.What = fmt.Sprintf("%s %s/%s: ready on all its nodes", r.Kind, r.Namespace, r.Name)
		w.Done = func(seen []*unstructured.Unstructured) (bool, string) {
			return daemonSetReady(seen, number(seen, "desiredNumberScheduled"))
		}
	}
	return k.WaitFor(ctx, w)
}

// awaitObject waits for the condition of any object, or for the object.
func awaitObject(ctx context.Context, k *cluster.Kube, r plan.Ready) error {
	resource, namespaced, err := k.Find(ctx, r.APIVersion, r.Kind)
	if err != nil {
		return err
	}
	w := cluster.Wait{
		What: fmt.Sprintf("%s %s/%s: %s", r.Kind, r.Namespace, r.Name, cmp.Or(r.Condition, "there")), Resource: resource,
		Namespace: r.Namespace, Fields: "metadata.name=" + r.Name, Within: plannedWithin,
		Done: func(seen []*unstructured.Unstructured) (bool, string) { return conditionHolds(seen, r.Condition) },
	}
	if !namespaced {
		w.Namespace = ""
	}
	return k.WaitFor(ctx, w)
}

// conditionHolds judges the condition TYPE=STATUS of an object. An empty condition holds if the object is there.
func conditionHolds(seen []*unstructured.Unstructured, condition string) (bool, string) {
	if len(seen) == 0 {
		return false, "it is not there"
	}
	if condition == "" {
		return true, ""
	}
	kind, want, _ := strings.Cut(condition, "=")
	all, _, _ := unstructured.NestedSlice(seen[0].Object, "status", "conditions")
	for _, c := range all {
		if c, ok := c.(map[string]any); ok && c["type"] == kind {
			return c["status"] == want, fmt.Sprintf("%s=%v: %v: %v", kind, c["status"], c["reason"], c["message"])
		}
	}
	return false, fmt.Sprintf("no condition %s among %d", kind, len(all))
}

func statefulSetReady(seen []*unstructured.Unstructured) (bool, string) {
	if len(seen) == 0 {
		return false, "it is not there"
	}
	want, ok, _ := unstructured.NestedInt64(seen[0].Object, "spec", "replicas")
	if !ok {
		want = 1
	}
	ready, updated := number(seen, "readyReplicas"), number(seen, "updatedReplicas")
	return current(seen[0]) && ready == int(want) && updated == int(want), fmt.Sprintf("%d ready and %d up to date of %d", ready, updated, want)
}

func daemonSetReady(seen []*unstructured.Unstructured, nodes int) (bool, string) {
	if len(seen) == 0 {
		return false, "it is not there"
	}
	desired, ready, updated := number(seen, "desiredNumberScheduled"), number(seen, "numberReady"), number(seen, "updatedNumberScheduled")
	text := strconv.Itoa(ready) + " ready and " + strconv.Itoa(updated) + " up to date of " + strconv.Itoa(desired)
	return current(seen[0]) && desired == nodes && ready == nodes && updated == nodes, text
}

func deploymentAvailable(seen []*unstructured.Unstructured, want int) (bool, string) {
	if len(seen) == 0 {
		return false, "it is not there"
	}
	available, updated := number(seen, "availableReplicas"), number(seen, "updatedReplicas")
	text := fmt.Sprintf("%d available and %d up to date, %d wanted", available, updated, want)
	return current(seen[0]) && available >= want && updated >= want, text
}

// current reports whether an object's status is about the present specification.
func current(u *unstructured.Unstructured) bool {
	return number([]*unstructured.Unstructured{u}, "observedGeneration") >= int(u.GetGeneration())
}

// number returns a number in the status of the first object, or 0.
func number(seen []*unstructured.Unstructured, field string) int {
	if len(seen) == 0 {
		return 0
	}
	n, _, _ := unstructured.NestedInt64(seen[0].Object, "status", field)
	return int(n)
}
