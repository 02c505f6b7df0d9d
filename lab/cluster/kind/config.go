package kind

import (
	"fmt"

	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

const (
	kubeadmAPI = "kubeadm.k8s.io/v1beta4" // kind's version for Kubernetes 1.36
	// kindToken is the bootstrap token in every kubeadm configuration of kind.
	kindToken     = "abcdef.0123456789abcdef"
	discoveryFile = "/kind/skidpad-discovery.conf"
	kubeadmConf   = "/kind/kubeadm.conf"
)

// Config is the plan's kind configuration with the parts known only now: patches from the node image's labels, and
// patches for a faster bring-up. The plan's own patches come last and win. Joining control-plane nodes get their
// certificates with key; a cluster without an endpoint needs no key. Every node gets the mounts.
func Config(p *plan.Plan, labels map[string]string, key string, mounts []any) ([]byte, error) {
	config := map[string]any{}
	if err := yaml.Unmarshal([]byte(p.Cluster.KindConfig), &config); err != nil {
		return nil, fmt.Errorf("lab bug: the plan's kind configuration is no YAML: %w", err)
	}
	var patches []any
	all := append(kubeadmPatches(p, labels), endpointPatches(p.Cluster.APIEndpoint, key)...)
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
	nodes, _ := config["nodes"].([]any)
	for _, n := range nodes {
		if n, ok := n.(map[string]any); ok && len(mounts) > 0 {
			n["extraMounts"] = mounts
		}
	}
	return yaml.Marshal(config)
}

// kubeadmPatches are merge patches (RFC 7386) of kind's documents for kubeadm. The labels of a node image built here
// name its control plane's images, because kubeadm's default images are unavailable.
func kubeadmPatches(p *plan.Plan, labels map[string]string) []map[string]any {
	c := p.Cluster
	etcd, manager, scheduler, server := map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}
	cluster := map[string]any{
		"apiVersion": kubeadmAPI, "kind": "ClusterConfiguration",
		"etcd": map[string]any{"local": etcd}, "controllerManager": manager, "scheduler": scheduler, "apiServer": server,
	}
	if p.Pulls(plan.LeverControl) {
		// A lab's data need not survive a loss of power, and on a slow disk the sync is a large part of a control
		// plane's start. The data survive a killed process or a restarted node.
		etcd["extraArgs"] = args("unsafe-no-fsync", "true")
		// kubeadm makes a dozen key pairs; RSA keys take seconds of processor time.
		cluster["encryptionAlgorithm"] = "ECDSA-P256"
		manager["extraArgs"] = append(election(c), args("kube-api-qps", "500", "kube-api-burst", "500")...)
		scheduler["extraArgs"] = election(c)
	}
	if p.Pulls(plan.LeverGarbage) {
		for _, component := range []map[string]any{etcd, manager, scheduler, server} {
			component["extraEnvs"] = plan.GarbageEnv()
		}
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
		// Discovery by token waits for a signature that the controller manager adds late, and polls every 5 s only.
		"discovery": map[string]any{
			"bootstrapToken":    nil,
			"file":              map[string]any{"kubeConfigPath": discoveryFile},
			"tlsBootstrapToken": kindToken,
		},
	}
	patches := []map[string]any{cluster, join}
	if len(c.Members()) == 1 {
		// A single node has to take pods, too.
		patches = append(patches, map[string]any{
			"apiVersion": kubeadmAPI, "kind": "InitConfiguration",
			"nodeRegistration": map[string]any{"taints": []any{}},
		})
	}
	return patches
}

// election configures the leader election of the controller manager and the scheduler. A single instance needs no
// election: it begins at once, and the lab never writes the two leases. With several instances, the leader polls its
// lease often: the first poll comes before kubeadm's roles exist and fails, and all work of controllers, for example
// workers' certificates, waits for the second poll. For the same reason the controller manager has no rate limit at the
// API: the manager makes an account and a token for each of its controllers.
func election(c *plan.Cluster) []any {
	if c.APIEndpoint == nil {
		return args("leader-elect", "false")
	}
	return args("leader-elect-retry-period", "200ms")
}

// args returns extra arguments of a control-plane component, from alternating names and values.
func args(pairs ...string) []any {
	var list []any
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, map[string]any{"name": pairs[i], "value": pairs[i+1]})
	}
	return list
}
