package addon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/cli"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
)

// plannedWithin bounds each of Ready's waits.
const plannedWithin = 6 * time.Minute

// Planned is an addon whose plan says all: definitions from a Go module, a Helm chart, manifests, what to wait for.
type Planned struct {
	plan      plan.Addon
	cluster   *plan.Cluster
	refs      *strings.Replacer
	manifests []string
	log       func(string)

	chart *chart.Chart
	crds  []*apiextensionsv1.CustomResourceDefinition
}

var _ Addon = (*Planned)(nil)

// NewPlanned is an addon of the plan with its images, by plan.Image.Key. log, which may be nil, gets a line for what is
// worth knowing.
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
		repository, tag := i.RefParts()
		cut := strings.LastIndexByte(r.Ref, ':')
		pairs = append(pairs, i.Ref(), r.Ref, repository, r.Ref[:max(cut, 0)], tag, r.Ref[cut+1:])
	}
	out := &Planned{plan: a, cluster: p.Cluster, refs: strings.NewReplacer(pairs...), log: log}
	for _, m := range a.Manifests {
		out.manifests = append(out.manifests, out.refs.Replace(m))
	}
	return out, nil
}

// Name is how messages call it.
func (a *Planned) Name() string { return a.plan.Name }

// Prepare reads the definitions and the chart.
func (a *Planned) Prepare(ctx context.Context) error {
	if d := a.plan.Definitions; d != nil && a.crds == nil {
		dir, err := moduleDir(ctx, d.Module, d.Version)
		if err != nil {
			return fmt.Errorf("%s: definitions of its resources: module %s %s: %w", a.plan.Name, d.Module, d.Version, err)
		}
		if a.crds, err = readCRDs(filepath.Join(dir, filepath.FromSlash(d.Pattern))); err != nil {
			return fmt.Errorf("%s: %w", a.plan.Name, err)
		}
	}
	if c := a.plan.Chart; c != nil && a.chart == nil {
		path := c.Path
		if path == "" {
			var err error
			options := action.ChartPathOptions{RepoURL: c.Repository, Version: c.Version}
			if path, err = options.LocateChart(c.Name, cli.New()); err != nil {
				return fmt.Errorf("%s: chart %s %s cannot be had from %s: %w; name a folder or an archive that holds it in the addon's `chart`",
					a.plan.Name, c.Name, c.Version, c.Repository, err)
			}
		}
		var err error
		if a.chart, err = loader.Load(path); err != nil {
			return fmt.Errorf("%s: chart in %s: %w", a.plan.Name, path, err)
		}
	}
	return nil
}

// readCRDs reads definitions from files. One document a file is what generators write.
func readCRDs(pattern string) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no definitions at %s", pattern))
	}
	var all []*apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(bytes.TrimPrefix(raw, []byte("---\n")), crd); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for i := range crd.Spec.Versions {
			if v := crd.Spec.Versions[i].Schema; v != nil {
				widen(v.OpenAPIV3Schema)
			}
		}
		all = append(all, crd)
	}
	return all, nil
}

// widen makes the format of an integer fit its bound. Generators write int32 for Go's uint32, whose bound Kubernetes 1.36
// then takes for a mistake of the definition, and it refuses every object of the kind.
func widen(s *apiextensionsv1.JSONSchemaProps) {
	if s == nil {
		return
	}
	if s.Format == "int32" && s.Maximum != nil && *s.Maximum > math.MaxInt32 {
		s.Format = "int64"
	}
	for name, p := range s.Properties {
		widen(&p)
		s.Properties[name] = p
	}
	if s.Items != nil {
		widen(s.Items.Schema)
	}
	if s.AdditionalProperties != nil {
		widen(s.AdditionalProperties.Schema)
	}
}

// Install hands definitions, chart and manifests to the API server.
func (a *Planned) Install(ctx context.Context, k *cluster.Kube) error {
	if err := a.Prepare(ctx); err != nil {
		return err
	}
	if err := createCRDs(ctx, k, a.crds); err != nil {
		return err
	}
	if c := a.plan.Chart; c != nil {
		if err := installRelease(ctx, k, place{c.Release, c.Namespace}, a.chart, a.values(), a.log); err != nil {
			return err
		}
	}
	if err := k.Apply(ctx, a.manifests...); err != nil {
		return fmt.Errorf("%s: %w", a.plan.Name, err)
	}
	return nil
}

// values are the chart's, with the images put in.
func (a *Planned) values() map[string]any {
	return replaced(a.plan.Chart.Values, a.refs).(map[string]any)
}

// replaced is a value of maps, lists and scalars with its strings rewritten.
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

// Ready waits for every DaemonSet and Deployment that the plan names.
func (a *Planned) Ready(ctx context.Context, k *cluster.Kube) error {
	nodes, err := members(ctx, k, a.cluster)
	if err != nil {
		return fmt.Errorf("%s: %w", a.plan.Name, err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range a.plan.Ready {
		group.Go(func() error { return a.ready(ctx, k, r, nodes) })
	}
	return group.Wait()
}

func (a *Planned) ready(ctx context.Context, k *cluster.Kube, r plan.Ready, nodes int) error {
	nudging, stop := context.WithCancel(ctx)
	defer stop()
	labels := "app=" + r.Name
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
