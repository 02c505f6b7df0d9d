// Package manifests is the addon manifests.
package manifests

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is any Kubernetes objects, applied in order.
type Addon struct {
	// Objects are written as in a manifest. The text {image NAME} stands for the reference of a catalogue's image of Images.
	Objects []map[string]any `json:"objects"`
	// Images are images of skidpad's catalogue that the nodes hold before they start: echo.
	Images []string `json:"images,omitempty"`
	// Does is the work of the objects in the cluster; default none.
	Does []Role `json:"roles,omitempty"`
	// Ready are the workloads that must be ready before the lab is.
	Ready []Workload `json:"ready,omitempty"`
}

// Role is the work of an addon in a cluster.
type Role struct {
	Name string `json:"name" jsonschema:"enum=cni,enum=loadbalancer,enum=ingress"`
}

// Workload is a DaemonSet that must be ready on every node, or a Deployment that must be available.
type Workload struct {
	Kind      string `json:"kind" jsonschema:"enum=DaemonSet,enum=Deployment"`
	Namespace string `json:"namespace,omitempty"` // default: default
	Name      string `json:"name"`
	Pods      string `json:"pods,omitempty"` // the label selector of the pods, for messages; default: app=NAME
}

// SetDefaults fills in the namespaces.
func (a *Addon) SetDefaults(*scenario.Spec) {
	for i := range a.Ready {
		scenario.Or(&a.Ready[i].Namespace, "default")
	}
}

// Roles returns the work of the addon in the cluster.
func (a *Addon) Roles() []scenario.Role {
	var all []scenario.Role
	for _, r := range a.Does {
		all = append(all, scenario.Role(r.Name))
	}
	return all
}

// Validate checks that each object has a version, a kind and a name.
func (a *Addon) Validate(v *scenario.Validation, path string) {
	v.NotEmpty(path+".objects", len(a.Objects))
	v.Repeated(path+".images", a.Images)
	for i, o := range a.Objects {
		u := unstructured.Unstructured{Object: o}
		at := fmt.Sprintf("%s.objects[%d]", path, i)
		for field, value := range map[string]string{"apiVersion": u.GetAPIVersion(), "kind": u.GetKind(), "metadata.name": u.GetName()} {
			if value == "" {
				v.Add(at+"."+field, "seen nothing, want a string")
			}
		}
	}
}

// PlanAddon plans the objects.
func (a *Addon) PlanAddon(*plan.Builder) plan.Addon {
	var out plan.Addon
	for _, name := range a.Images {
		out.Images = append(out.Images, plan.Image{Name: name})
	}
	for _, o := range a.Objects {
		out.Manifests = append(out.Manifests, plan.YAML(o))
	}
	for _, w := range a.Ready {
		out.Ready = append(out.Ready, plan.Ready{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, Pods: w.Pods})
	}
	return out
}
