package addon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/sync/errgroup"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
)

// readDefinitions reads definitions below a folder, and gives all of them the label.
func readDefinitions(dir string, d *plan.Definitions) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	all, err := readCRDs(filepath.Join(dir, filepath.FromSlash(d.Pattern)))
	if err != nil || d.Label == nil {
		return all, err
	}
	pattern, err := regexp.Compile(d.Label.Pattern)
	if err != nil {
		return nil, fmt.Errorf("lab bug: %w", err)
	}
	source, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(d.Label.File)))
	m := pattern.FindSubmatch(source)
	if err != nil || m == nil {
		return all, nil //nolint:nilerr // without the label the addon's own program writes the definitions again
	}
	for _, crd := range all {
		crd.Labels = map[string]string{d.Label.Name: string(m[1])}
	}
	return all, nil
}

// readCRDs reads definitions from files. Generators write a single document per file.
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

// widen makes the format of an integer fit the integer's bound. Generators write int32 for Go's uint32. Kubernetes 1.36 takes
// the bound of a uint32 for a mistake in the definition, and refuses every object of the kind.
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

// createCRDs creates the missing definitions. createCRDs does not apply the definitions: with apply, the server records the
// owner of each field, and for these large objects the record costs more than the rest. From then on the operator owns the
// definitions.
func createCRDs(ctx context.Context, k *cluster.Kube, crds []*apiextensionsv1.CustomResourceDefinition) error {
	client := k.Dynamic.Resource(apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions"))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, crd := range crds {
		group.Go(func() error {
			raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crd)
			if err != nil {
				return fmt.Errorf("lab bug: CustomResourceDefinition %s: %w", crd.Name, err)
			}
			delete(raw, "status")
			_, err = client.Create(ctx, &unstructured.Unstructured{Object: raw}, metav1.CreateOptions{FieldManager: cluster.FieldManager})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return fmt.Errorf("CustomResourceDefinition %s: %w", crd.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}
