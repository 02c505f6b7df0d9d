package kind

import (
	"net/netip"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/plan"
)

func TestFurtherControlPlanesAreTheLastOfKindsWorkers(t *testing.T) {
	cp := func(names ...string) (all []plan.Node) {
		for _, n := range names {
			all = append(all, plan.Node{Name: "skidpad-l-" + n, Short: n, ControlPlane: strings.HasPrefix(n, "control")})
		}
		return all
	}
	for _, c := range []struct {
		nodes []plan.Node
		want  map[string]string
	}{
		{cp("control-plane", "worker", "worker2"), map[string]string{}},
		{cp("control-plane", "control-plane2"), map[string]string{"skidpad-l-control-plane2": "skidpad-l-worker"}},
		{cp("control-plane", "control-plane2", "control-plane3", "worker"), map[string]string{
			"skidpad-l-control-plane2": "skidpad-l-worker2", "skidpad-l-control-plane3": "skidpad-l-worker3"}},
	} {
		got := madeAs(&plan.Cluster{Name: "skidpad-l", Nodes: c.nodes})
		if len(got) != len(c.want) {
			t.Errorf("seen %v, wanted %v", got, c.want)
		}
		for name, made := range c.want {
			if got[name] != made {
				t.Errorf("%s: seen %q, wanted %q", name, got[name], made)
			}
		}
	}
}

const kubeadmDocuments = `kind: InitConfiguration
certificateKey: "0123"
---
kind: JoinConfiguration
nodeRegistration:
  criSocket: unix:///run/containerd/containerd.sock
discovery:
  tlsBootstrapToken: abcdef.0123456789abcdef
---
kind: KubeletConfiguration
`

func TestCompletedJoinsAsAControlPlane(t *testing.T) {
	got, err := completed([]byte(kubeadmDocuments), "skidpad-l-control-plane2", netip.MustParseAddr("172.30.0.66"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "joins-as-control-plane.yaml", string(got))
	again, err := completed(got, "skidpad-l-control-plane2", netip.MustParseAddr("172.30.0.66"))
	if err != nil || string(again) != string(got) {
		t.Errorf("a second time: %v, and seen:\n%s", err, again)
	}
	if _, err := completed([]byte("kind: JoinConfiguration\n"), "n", netip.MustParseAddr("172.30.0.66")); err == nil {
		t.Error("documents without a certificateKey were taken")
	}
}

func TestConfigWithEndpoint(t *testing.T) {
	p := &plan.Plan{Cluster: &plan.Cluster{
		KindConfig: planned, Nodes: []plan.Node{{Name: "a", ControlPlane: true}, {Name: "b", ControlPlane: true}},
		APIEndpoint: &plan.APIEndpoint{Address: netip.MustParseAddr("172.30.0.62"), Port: 8443},
	}}
	got, err := Config(p, nil, "0123", []any{map[string]any{"hostPath": "/volumes/v", "containerPath": "/v"}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "config-endpoint.yaml", string(got))
}
