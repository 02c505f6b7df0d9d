package kind

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; update the file with: go test ./lab/cluster/kind -update", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; seen:\n%s\nwanted:\n%s", path, got, want)
	}
}

const planned = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {disableDefaultCNI: true, kubeProxyMode: none, podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}
kubeadmConfigPatches:
- |
  apiVersion: kubelet.config.k8s.io/v1beta1
  kind: KubeletConfiguration
  failCgroupV1: false
nodes:
- role: control-plane
- role: worker
`

func TestConfig(t *testing.T) {
	three := []plan.Node{{Name: "skidpad-l-control-plane", ControlPlane: true}, {Name: "skidpad-l-worker"}, {Name: "skidpad-l-worker2"}}
	cases := []struct {
		name    string
		nodes   []plan.Node
		labels  map[string]string
		without []string
	}{
		{"config-upstream-image.yaml", three, nil, nil},
		{"config-without-levers.yaml", three, nil, []string{plan.LeverControl, plan.LeverGarbage}},
		{"config-own-image.yaml", three, map[string]string{build.LabelKubeadmRepository: "skidpad.local", build.LabelKubeadmEtcdTag: "v3.6.8", build.LabelKubeadmCoreDNSTag: "v1.14.2"}, nil},
		{"config-single-node.yaml", three[:1], nil, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Config(&plan.Plan{Cluster: &plan.Cluster{KindConfig: planned, Nodes: c.nodes}, Without: c.without}, c.labels, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.name, string(got))
		})
	}
	if _, err := Config(&plan.Plan{Cluster: &plan.Cluster{KindConfig: "{"}}, nil, "", nil); err == nil {
		t.Error("a configuration that is no YAML was taken")
	}
}

func TestUnit(t *testing.T) {
	n := plan.Node{
		Name: "skidpad-lab-worker", Short: "worker", Further: []plan.Attachment{{Network: "mgmt", Address: netip.MustParseAddr("198.51.100.129"), Bits: 24, Link: true}},
		Static: []plan.StaticRoute{{To: netip.MustParsePrefix("0.0.0.0/0"), Hops: []plan.Hop{{Via: netip.MustParseAddr("198.51.100.11")}}, Table: 100}},
		Rules:  []plan.Rule{{Priority: 1000, From: netip.MustParsePrefix("198.51.100.0/24"), Table: 100}},
	}
	golden(t, "boot.service", unit(bootCommands(&plan.Plan{Cluster: &plan.Cluster{
		Mounts: []plan.Mount{{Where: "/sys/fs/bpf", Type: "bpf"}},
		Routes: []plan.Route{
			{To: netip.MustParsePrefix("192.0.2.0/24"), Via: netip.MustParseAddr("172.30.0.1")},
			{To: netip.MustParsePrefix("198.18.0.0/24"), Via: netip.MustParseAddr("172.30.0.2")},
		},
		Nodes: []plan.Node{n},
	}}, n)))
}

func TestFailureKeepsTheEndOfTheOutput(t *testing.T) {
	long := strings.Repeat("progress\n", 50) + "the cause\n"
	err := failure("kubeadm init", []byte("[init] began\n"), &node.ExitError{Node: "cp", Cmd: []string{"sh", "-c", "a script"}, Code: 1, Stderr: long})
	var exit *node.ExitError
	if !errors.As(err, &exit) || exit.Code != 1 {
		t.Errorf("seen %#v, want an error that wraps an ExitError of code 1", err)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "cp: kubeadm init: exit code 1: ") || !strings.HasSuffix(text, "the cause") || strings.Count(text, "progress") > 16 {
		t.Errorf("seen %q", text)
	}
}

func TestNodesBeginWithTheControlPlane(t *testing.T) {
	engine, err := docker.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	c := New(&docker.Engine{Client: engine}, &plan.Plan{Cluster: &plan.Cluster{Nodes: []plan.Node{{Name: "w1"}, {Name: "cp", ControlPlane: true}, {Name: "w2"}}}}, "", nil)
	var names []string
	for _, n := range c.Nodes() {
		names = append(names, n.Name())
	}
	if got := strings.Join(names, " "); got != "cp w1 w2" {
		t.Errorf("seen %s, wanted cp w1 w2", got)
	}
}

func TestAnonymousCompletesClusterInfo(t *testing.T) {
	info, err := clientcmd.Load([]byte("apiVersion: v1\nkind: Config\nclusters: [{name: '', cluster: {server: 'https://cp:6443', certificate-authority-data: Q0E=}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := anonymous(info)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(raw)
	if err != nil || config.Host != "https://cp:6443" || string(config.CAData) != "CA" || config.KeyData != nil {
		t.Errorf("seen %+v, %v", config, err)
	}
}
