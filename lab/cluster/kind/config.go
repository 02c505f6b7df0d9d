package kind

import (
	"fmt"

	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

const (
	kubeadmAPI = "kubeadm.k8s.io/v1beta4" // what kind writes for Kubernetes 1.36
	// kindToken is the bootstrap token that kind's kubeadm configuration always names.
	kindToken     = "abcdef.0123456789abcdef"
	discoveryFile = "/kind/skidpad-discovery.conf"
	kubeadmConf   = "/kind/kubeadm.conf"
)

// Config is the plan's kind configuration with what is known only now: patches that depend on the node image's labels,
// and those that make a bring-up faster. The plan's own patches come after them and win. key is what control-plane nodes
// that join get their certificates with; a cluster without an endpoint needs none.
func Config(p *plan.Plan, labels map[string]string, key string) ([]byte, error) {
	config := map[string]any{}
	if err := yaml.Unmarshal([]byte(p.Cluster.KindConfig), &config); err != nil {
		return nil, fmt.Errorf("lab bug: the plan's kind configuration is no YAML: %w", err)
	}
	var patches []any
	all := append(kubeadmPatches(p.Cluster, labels), endpointPatches(p.Cluster.APIEndpoint, key)...)
	for _, patch := range all {
		text, err := yaml.Marshal(patch)
		if err != nil {
			return nil, fmt.Errorf("lab bug: kubeadm patch: %w", err)
		}
		patches = append(patches, string(text))
	}
	if own, ok := config["kubeadmConfigPatches"].([]any); ok {
		patches = append(patches, own...)
	}
	config["kubeadmConfigPatches"] = patches
	return yaml.Marshal(config)
}

// kubeadmPatches are merge patches (RFC 7386) of the documents that kind gives to kubeadm. The labels of a node image
// that was built here name its control plane's images, since those that kubeadm would choose cannot be had.
func kubeadmPatches(c *plan.Cluster, labels map[string]string) []map[string]any {
	etcd := map[string]any{
		// A lab's data need not survive a loss of power, and syncing them is a good part of the time that a
		// control plane takes to start on a slow disk. They do survive a killed process or a restarted node.
		"extraArgs": args("unsafe-no-fsync", "true"),
	}
	cluster := map[string]any{
		"apiVersion": kubeadmAPI, "kind": "ClusterConfiguration",
		"etcd": map[string]any{"local": etcd},
		// kubeadm makes a dozen key pairs; RSA keys take it seconds of processor time.
		"encryptionAlgorithm": "ECDSA-P256",
		"controllerManager":   map[string]any{"extraArgs": append(election(c), args("kube-api-qps", "500", "kube-api-burst", "500")...)},
		"scheduler":           map[string]any{"extraArgs": election(c)},
	}
	if repository := labels[build.LabelKubeadmRepository]; repository != "" {
		cluster["imageRepository"] = repository
	}
	if tag := labels[build.LabelKubeadmEtcdTag]; tag != "" {
		etcd["imageTag"] = tag
	}
	if tag := labels[build.LabelKubeadmCoreDNSTag]; tag != "" {
		cluster["dns"] = map[string]any{"imageTag": tag}
	}
	join := map[string]any{
		"apiVersion": kubeadmAPI, "kind": "JoinConfiguration",
		// Discovery by token looks for a signature that the controller manager adds late, and looks every 5 s only.
		"discovery": map[string]any{
			"bootstrapToken":    nil,
			"file":              map[string]any{"kubeConfigPath": discoveryFile},
			"tlsBootstrapToken": kindToken,
		},
	}
	patches := []map[string]any{cluster, join}
	if len(c.Members()) == 1 {
		// The only node has to take pods, too.
		patches = append(patches, map[string]any{
			"apiVersion": kubeadmAPI, "kind": "InitConfiguration",
			"nodeRegistration": map[string]any{"taints": []any{}},
		})
	}
	return patches
}

// election is how the one controller manager and the one scheduler that act are chosen. Of a single one nobody is chosen: it
// begins at once, and two leases are not written for as long as the lab stands. A leader among several looks at its
// lease often: the first look comes before kubeadm's roles are there and fails, and all that controllers do, workers'
// certificates among it, waits for the second. For the same reason the controller manager may talk to the API as fast as
// it can: it makes an account and a token for each of its controllers.
func election(c *plan.Cluster) []any {
	if c.APIEndpoint == nil {
		return args("leader-elect", "false")
	}
	return args("leader-elect-retry-period", "200ms")
}

// args are extra arguments of a control-plane component, as names and values in turn.
func args(pairs ...string) []any {
	var list []any
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, map[string]any{"name": pairs[i], "value": pairs[i+1]})
	}
	return list
}
