package addon

import (
	"fmt"
	"regexp"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Own is the common part of the addons that are any software: what the software does, and when the software is ready.
type Own struct {
	// Images are images that the nodes hold before they start: names of skidpad's catalogue, such as echo, and references with a
	// tag, such as my-controller:1.2, of images that the engine has (docker build, docker load) or can pull. An image that the
	// addon names as {image NAME} needs no entry. Pods with the tag latest need imagePullPolicy: IfNotPresent.
	Images []string `json:"images,omitempty" jsonschema:"example=echo,example=my-controller:1.2"`
	// Does is the software's work in the cluster; default none. With the role bgp, routers may peer with the nodes; the peer
	// entry {nodes: all} then needs an asn.
	Does []string `json:"roles,omitempty" jsonschema:"enum=cni,enum=bgp,enum=loadbalancer,enum=ingress"`
	// Ready are the objects that must be ready before the lab is.
	Ready []Awaited `json:"ready,omitempty"`
}

// Awaited is an object that must be ready. A DaemonSet needs a ready pod on each of its nodes, a Deployment an available pod, a
// StatefulSet all its pods. Any other object must be there and, with Condition, have the condition.
type Awaited struct {
	APIVersion string `json:"apiVersion,omitempty" jsonschema:"example=gateway.networking.k8s.io/v1"` // default: any version of the kind
	Kind       string `json:"kind" jsonschema:"example=Deployment"`
	Namespace  string `json:"namespace,omitempty"` // default: the chart's namespace, else default; unused for kinds without a namespace
	Name       string `json:"name"`
	Condition  string `json:"condition,omitempty" jsonschema:"example=Ready=True"` // TYPE=STATUS among status.conditions
	Pods       string `json:"pods,omitempty"`                                      // the label selector of the pods, for messages; default: app=NAME
}

var conditionForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9./_-]*=(True|False|Unknown)$`)

// SetDefaults fills in the namespaces.
func (o *Own) SetDefaults(*scenario.Spec) { o.SetNamespace("default") }

// SetNamespace fills in the namespaces.
func (o *Own) SetNamespace(namespace string) {
	for i := range o.Ready {
		scenario.Or(&o.Ready[i].Namespace, namespace)
	}
}

// Roles returns the work of the addon in the cluster.
func (o *Own) Roles() []scenario.Role {
	var all []scenario.Role
	for _, r := range o.Does {
		all = append(all, scenario.Role(r))
	}
	return all
}

// Validate checks the fields.
func (o *Own) Validate(v *scenario.Validation, path string) {
	v.Images(path+".images", o.Images)
	v.Repeated(path+".roles", o.Does)
	for i, r := range o.Ready {
		if r.Condition != "" && !conditionForm.MatchString(r.Condition) {
			v.Add(fmt.Sprintf("%s.ready[%d].condition", path, i), "seen %q, want TYPE=STATUS, such as Ready=True", r.Condition)
		}
	}
}

// Plan plans the images and the waits.
func (o *Own) Plan(b *plan.Builder) plan.Addon {
	var out plan.Addon
	for i, name := range o.Images {
		out.Images = append(out.Images, plan.ImageOf(name, b.Where(fmt.Sprintf("images[%d]", i))))
	}
	for _, r := range o.Ready {
		out.Ready = append(out.Ready, plan.Ready{APIVersion: r.APIVersion, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name,
			Condition: r.Condition, Pods: r.Pods, SomeNodes: r.Kind == "DaemonSet"})
	}
	return out
}
