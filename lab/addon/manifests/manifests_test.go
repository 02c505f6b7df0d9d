package manifests_test

import (
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const file = `apiVersion: skidpad.dev/v1alpha1
kind: Scenario
metadata: {name: objects}
spec:
  networks: [{name: fabric}]
  cluster: {}
  addons:
    - cilium: {}
    - manifests:
        images: [echo]
        objects:
          - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
          - apiVersion: apps/v1
            kind: Deployment
            metadata: {name: front, namespace: shop}
            spec: {template: {spec: {containers: [{name: echo, image: "{image echo}"}]}}}
        ready: [{kind: Deployment, namespace: shop, name: front}]
`

// The objects stand in the plan in their order, with the wait and the images on the nodes; an object without a name is refused.
func TestObjects(t *testing.T) {
	s, err := scenario.Parse("objects.yaml", []byte(file), lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(s, "lab", plan.Host{})
	if err != nil {
		t.Fatal(err)
	}
	a := p.Addon("manifests")
	if len(a.Manifests) != 2 || !strings.Contains(a.Manifests[0], "kind: Namespace") || !strings.Contains(a.Manifests[1], "{image echo}") {
		t.Errorf("seen manifests %q", a.Manifests)
	}
	if len(a.Ready) != 1 || a.Ready[0].Name != "front" || a.Ready[0].Namespace != "shop" {
		t.Errorf("seen waits %v", a.Ready)
	}
	preload := p.Cluster.Image.Preload
	if preload[len(preload)-1].Name != "echo" {
		t.Errorf("the nodes hold %v, want echo too", preload)
	}
	_, err = scenario.Parse("objects.yaml", []byte(strings.Replace(file, "metadata: {name: shop}", "metadata: {}", 1)), lab.Kinds())
	if err == nil || !strings.Contains(err.Error(), "spec.addons[1].manifests.objects[0].metadata.name: seen nothing") {
		t.Errorf("without a name: seen %v", err)
	}
}
