package plan_test

import (
	"testing"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/plan"
)

// TestKindConfigIsKinds checks that kind knows every field of the written configuration.
func TestKindConfigIsKinds(t *testing.T) {
	p, err := plan.Make(load(t, defaultFile), "lab", plan.Host{CgroupV1: true, NoSysResource: true})
	if err != nil {
		t.Fatal(err)
	}
	var config v1alpha4.Cluster
	if err := yaml.UnmarshalStrict([]byte(p.Cluster.KindConfig), &config); err != nil {
		t.Fatal(err)
	}
	if config.Name != "skidpad-lab" || len(config.Nodes) != 3 || !config.Networking.DisableDefaultCNI {
		t.Errorf("seen %+v, want skidpad-lab with 3 nodes and no CNI", config)
	}
	if len(config.KubeadmConfigPatches) != 1 || len(config.ContainerdConfigPatches) != 2 {
		t.Errorf("seen %d and %d patches, want 1 and 2", len(config.KubeadmConfigPatches), len(config.ContainerdConfigPatches))
	}
}
