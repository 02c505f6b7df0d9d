package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"

	"skidpad.dev/skidpad/lab/wait"
)

const (
	// kindWithin limits the wait for a kind that the API server does not serve yet.
	kindWithin = 60 * time.Second
	// webhookWithin limits the wait for a webhook whose pods start, and for kinds that a program in the cluster defines.
	webhookWithin = 4 * time.Minute
)

// Apply applies YAML manifests in order by server-side apply; a manifest has one or more documents. If the
// kind of a document is not served yet, Apply waits for the kind, since custom resources follow their
// definitions
// (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/). Any
// other refusal is returned at once, with the object's name.
func (k *Kube) Apply(ctx context.Context, manifests ...string) error {
	var objects []runtime.Object
	for _, m := range manifests {
		docs, err := decode(m)
		if err != nil {
			return err
		}
		for _, d := range docs {
			objects = append(objects, d)
		}
	}
	return k.ApplyObjects(ctx, objects...)
}

// ApplyPatiently is Apply for objects of the user's own. The objects may need programs of the cluster that only start now:
// a webhook that checks the objects, or the definitions of their kinds. Any other refusal is returned at once.
func (k *Kube) ApplyPatiently(ctx context.Context, manifest string) error {
	var waited *wait.Error
	var refused error // in the API's words alone
	err := wait.Until(ctx, wait.For{What: "the object's webhook and kind", Within: webhookWithin, Every: time.Second}, func(ctx context.Context) error {
		err := k.Apply(ctx, manifest)
		if err != nil && !errors.As(err, &waited) && !strings.Contains(err.Error(), "failed calling webhook") {
			refused = err
			return nil
		}
		return err
	})
	return errors.Join(err, refused)
}

// Find returns the resource of a kind, and whether its objects have a namespace. Find waits until the API server serves the
// kind. Without apiVersion, the preferred version of the first group with the kind counts.
func (k *Kube) Find(ctx context.Context, apiVersion, kind string) (schema.GroupVersionResource, bool, error) {
	if apiVersion != "" {
		gv, err := schema.ParseGroupVersion(apiVersion)
		if err != nil {
			return schema.GroupVersionResource{}, false, err
		}
		r, err := k.resource(ctx, gv.WithKind(kind))
		return gv.WithResource(r.Name), r.Namespaced, err
	}
	var found schema.GroupVersionResource
	namespaced := false
	err := wait.Until(ctx, wait.For{What: "kind " + kind + ": to be served by the API server", Within: webhookWithin, Every: time.Second}, func(context.Context) error {
		lists, err := k.Client.Discovery().ServerPreferredResources()
		for _, list := range lists {
			gv, parsed := schema.ParseGroupVersion(list.GroupVersion)
			for _, r := range list.APIResources {
				if parsed == nil && r.Kind == kind && !strings.Contains(r.Name, "/") {
					found, namespaced = gv.WithResource(r.Name), r.Namespaced
					return nil
				}
			}
		}
		return errors.Join(err, errors.New("no group has the kind"))
	})
	return found, namespaced, err
}

// ApplyObjects is Apply for objects, typed (with their TypeMeta filled in) or unstructured.
func (k *Kube) ApplyObjects(ctx context.Context, objects ...runtime.Object) error {
	served := map[schema.GroupVersionKind]metav1.APIResource{}
	for _, o := range objects {
		raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return fmt.Errorf("lab bug: %T cannot be applied: %w", o, err)
		}
		u := &unstructured.Unstructured{Object: raw}
		// The server owns creationTimestamp, and refuses an apply of the null value in typed objects.
		unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
		unstructured.RemoveNestedField(u.Object, "status")
		gvk := u.GroupVersionKind()
		if _, ok := served[gvk]; !ok {
			if served[gvk], err = k.resource(ctx, gvk); err != nil {
				return err
			}
		}
		if err := k.apply(ctx, u, served[gvk]); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kube) apply(ctx context.Context, u *unstructured.Unstructured, r metav1.APIResource) error {
	gv := u.GroupVersionKind().GroupVersion()
	var client dynamic.ResourceInterface = k.Dynamic.Resource(gv.WithResource(r.Name))
	if r.Namespaced {
		if u.GetNamespace() == "" {
			u.SetNamespace(metav1.NamespaceDefault)
		}
		client = k.Dynamic.Resource(gv.WithResource(r.Name)).Namespace(u.GetNamespace())
	}
	data, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("lab bug: %s: %w", name(u), err)
	}
	force := true
	_, err = client.Patch(ctx, u.GetName(), "application/apply-patch+yaml", data, metav1.PatchOptions{FieldManager: FieldManager, Force: &force})
	if err != nil {
		return fmt.Errorf("%s: not applied: %w", name(u), err)
	}
	return nil
}

// resource finds the API server's resource for a kind, and waits until the API server serves the kind.
func (k *Kube) resource(ctx context.Context, gvk schema.GroupVersionKind) (metav1.APIResource, error) {
	ctx, cancel := context.WithTimeout(ctx, kindWithin)
	defer cancel()
	var found metav1.APIResource
	var refused error
	err := wait.Until(ctx, wait.For{What: fmt.Sprintf("%s: to be served by the API server", gvk), Each: OneCall}, func(ctx context.Context) error {
		list, err := k.Client.Discovery().ServerResourcesForGroupVersion(gvk.GroupVersion().String())
		if err != nil && !apierrors.IsNotFound(err) && ctx.Err() == nil {
			refused = fmt.Errorf("%s: discovery: %w", gvk, err)
			return nil
		}
		if err != nil {
			return err
		}
		for _, r := range list.APIResources {
			if r.Kind == gvk.Kind && !bytes.ContainsRune([]byte(r.Name), '/') {
				found = r
				return nil
			}
		}
		return errors.New("its group is served, the kind is not; is its CustomResourceDefinition installed?")
	})
	return found, errors.Join(err, refused)
}

// decode splits a manifest into objects and leaves out empty documents.
func decode(manifest string) ([]*unstructured.Unstructured, error) {
	reader := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(manifest)), 4096)
	var list []*unstructured.Unstructured
	for {
		u := &unstructured.Unstructured{}
		err := reader.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("manifest: document %d: %w", len(list)+1, err)
		}
		if len(u.Object) == 0 {
			continue
		}
		if u.GetKind() == "" || u.GetAPIVersion() == "" || u.GetName() == "" {
			return nil, fmt.Errorf("manifest: document %d: apiVersion, kind and metadata.name are needed, seen %q, %q and %q",
				len(list)+1, u.GetAPIVersion(), u.GetKind(), u.GetName())
		}
		list = append(list, u)
	}
}

// name returns an object's name for messages: Deployment default/echo.
func name(u *unstructured.Unstructured) string {
	if u.GetNamespace() == "" {
		return u.GetKind() + " " + u.GetName()
	}
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}
