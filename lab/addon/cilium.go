package addon

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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

const (
	ciliumRelease   = "cilium"
	ciliumNamespace = "kube-system"
	// ciliumWithin bounds each of Ready's waits. A cold start on two cores takes about 20 s.
	ciliumWithin = 6 * time.Minute
)

var (
	daemonSets  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
)

// Cilium is Cilium with the resources that the plan gives it.
type Cilium struct {
	plan    *plan.Cilium
	cluster *plan.Cluster
	values  map[string]any
	hubble  []string // its Deployments
	log     func(string)

	chart *chart.Chart
	crds  []*apiextensionsv1.CustomResourceDefinition
}

var _ Addon = (*Cilium)(nil)

// NewCilium is the plan's Cilium with its images, by plan.Image.Key. log gets a line for what is worth knowing.
func NewCilium(p *plan.Plan, images map[string]image.Resolved, log func(string)) (*Cilium, error) {
	if p.Cilium == nil || p.Cluster == nil {
		return nil, errors.New("lab bug: the plan has no cluster with cilium")
	}
	if log == nil {
		log = func(string) {}
	}
	values, err := ciliumValues(p, images)
	if err != nil {
		return nil, err
	}
	return &Cilium{plan: p.Cilium, cluster: p.Cluster, values: values, hubble: hubbleDeployments(values), log: log}, nil
}

// Name is how messages call it.
func (c *Cilium) Name() string { return "cilium" }

// Prepare finds and loads the chart, and the custom resource definitions where its source tree is at hand.
func (c *Cilium) Prepare(ctx context.Context) error {
	if c.chart != nil {
		return nil
	}
	source, err := findChart(ctx, c.plan.Chart, c.plan.Version)
	if err != nil {
		return err
	}
	loaded, crds, err := source.load()
	if err != nil {
		return err
	}
	c.log("chart from " + source.from)
	c.crds, c.chart = crds, loaded
	return nil
}

// Install creates the custom resource definitions, the chart's objects and the plan's resources. The definitions are
// the operator's work otherwise, and every agent waits for them; the operator finds them as it would have made them.
func (c *Cilium) Install(ctx context.Context, k *cluster.Kube) error {
	if err := c.Prepare(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return installRelease(ctx, k, place{ciliumRelease, ciliumNamespace}, c.chart, c.values, c.log)
	})
	group.Go(func() error {
		start := time.Now()
		if err := createCRDs(ctx, k, c.crds); err != nil {
			return err
		}
		c.log(fmt.Sprintf("%d custom resource definitions: %s", len(c.crds), time.Since(start).Round(10*time.Millisecond)))
		if err := k.Apply(ctx, c.plan.Manifests...); err != nil {
			return fmt.Errorf("cilium's resources: %w", err)
		}
		return nil
	})
	return group.Wait()
}

// Ready waits for an agent on every node and for an operator.
func (c *Cilium) Ready(ctx context.Context, k *cluster.Kube) error {
	nodes, err := members(ctx, k, c.cluster)
	if err != nil {
		return fmt.Errorf("cilium: %w", err)
	}
	nudging, stop := context.WithCancel(ctx)
	defer stop()
	go nudge(nudging, k, ciliumNamespace, "k8s-app=cilium")
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return k.WaitFor(ctx, cluster.Wait{
			What:     fmt.Sprintf("DaemonSet kube-system/cilium: ready on %d nodes", nodes),
			Resource: daemonSets, Namespace: ciliumNamespace, Fields: "metadata.name=cilium", Within: ciliumWithin,
			Done:    func(seen []*unstructured.Unstructured) (bool, string) { return daemonSetReady(seen, nodes) },
			Explain: func(ctx context.Context) string { return k.ExplainPods(ctx, ciliumNamespace, "k8s-app=cilium") },
		})
	})
	group.Go(func() error { return deployed(ctx, k, "cilium-operator", "name=cilium-operator") })
	for _, name := range c.hubble {
		group.Go(func() error { return deployed(ctx, k, name, "k8s-app="+name) })
	}
	return group.Wait()
}

// deployed waits until a Deployment of the chart's has a pod that is ready.
func deployed(ctx context.Context, k *cluster.Kube, name, pods string) error {
	return k.WaitFor(ctx, cluster.Wait{
		What:     "Deployment kube-system/" + name + ": available",
		Resource: deployments, Namespace: ciliumNamespace, Fields: "metadata.name=" + name, Within: ciliumWithin,
		Done:    func(seen []*unstructured.Unstructured) (bool, string) { return deploymentAvailable(seen, 1) },
		Explain: func(ctx context.Context) string { return k.ExplainPods(ctx, ciliumNamespace, pods) },
	})
}

// ciliumValues are the plan's Helm values over those that name the images.
func ciliumValues(p *plan.Plan, images map[string]image.Resolved) (map[string]any, error) {
	refs := map[string]string{}
	for _, i := range p.Cilium.Images {
		r, ok := images[i.Key()]
		if !ok {
			return nil, fmt.Errorf("lab bug: image %s of cilium is not resolved", i.Key())
		}
		refs[i.Name] = r.Ref
	}
	for _, name := range []string{"cilium", "cilium-operator"} {
		if refs[name] == "" {
			return nil, errors.New("lab bug: the plan's cilium has no image " + name)
		}
	}
	// The nodes hold the images before they start, under names that need not be upstream's and have no digest.
	values := map[string]any{
		"image": map[string]any{"override": refs["cilium"], "useDigest": false, "pullPolicy": "IfNotPresent"},
		"operator": map[string]any{
			"image":    map[string]any{"override": refs["cilium-operator"], "useDigest": false, "pullPolicy": "IfNotPresent"},
			"replicas": 1,
		},
		"envoy": map[string]any{"enabled": false},
	}
	if ref := refs["hubble-relay"]; ref != "" {
		values["hubble"] = map[string]any{"relay": map[string]any{
			"image": map[string]any{"override": ref, "useDigest": false, "pullPolicy": "IfNotPresent"},
		}}
	}
	// Without kube-proxy nothing makes the API's ClusterIP work before Cilium does. Nodes find each other by name.
	for _, n := range p.Cluster.Nodes {
		if n.ControlPlane {
			values["k8sServiceHost"], values["k8sServicePort"] = n.Name, "6443"
			break
		}
	}
	return merge(values, merge(hubbleUIValues(p, images), p.Cilium.Values)), nil
}

// merge returns base with over laid over it, map by map. Neither is changed.
func merge(base, over map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range base {
		out[k] = v
	}
	for k, v := range over {
		below, ok := out[k].(map[string]any)
		above, both := v.(map[string]any)
		if ok && both {
			v = merge(below, above)
		}
		out[k] = v
	}
	return out
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

// current reports whether an object's status is about its present specification.
func current(u *unstructured.Unstructured) bool {
	return number(u, "observedGeneration") >= int(u.GetGeneration())
}

func number(u *unstructured.Unstructured, field string) int {
	n, _, _ := unstructured.NestedInt64(u.Object, "status", field)
	return int(n)
}
