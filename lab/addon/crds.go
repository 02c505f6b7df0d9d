package addon

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"skidpad.dev/skidpad/lab/cluster"
)

// createCRDs creates those that are not there. They are created, not applied: the server's bookkeeping of the fields
// of such large objects costs more than all the rest, and the operator owns them from then on.
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
