package metallb

import (
	"fmt"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
)

const (
	frrK8s           = "frr-k8s" // the DaemonSet, the program, and the image
	frrK8sModule     = "github.com/metallb/frr-k8s"
	frrK8sGroup      = "frrk8s.metallb.io"
	frrK8sMetrics    = 7572 // metrics, also the readiness of the pods; on 127.0.0.1
	frrK8sVersion    = "0.0.20"
	frrConfiguration = "frrconfigurations"
)

// frrK8sVersions are the versions of frr-k8s that MetalLB's releases require in their go.mod. The status program of the pods
// exists since 0.0.17.
var frrK8sVersions = map[string]string{"0.15.0": frrK8sVersion, "0.15.1": frrK8sVersion, defaultVersion: frrK8sVersion, "0.15.3": "0.0.21"}

// addFRRK8s adds frr-k8s: a pod with FRR on every node. frr-k8s merges the FRRConfigurations of a node, the speaker's and
// others, into the configuration of FRR. As in MetalLB's part of the plan, the webhook and the programs for metrics are left
// out. frr-k8s reports a wrong FRRConfiguration in the node's FRRNodeState.
func (m *Addon) addFRRK8s(b *plan.Builder, a *plan.Addon) {
	version := frrK8sVersions[m.Version]
	image := plan.Image{Name: frrK8s, Version: version}
	a.Images = append(a.Images, image, plan.Image{Name: "frr"})
	a.Definitions.And = &plan.Definitions{Module: frrK8sModule, Version: "v" + version, Pattern: "config/crd/bases/*.yaml"}
	a.Ready = append(a.Ready, plan.Ready{Kind: "DaemonSet", Namespace: namespace, Name: frrK8s})
	a.Manifests = append(a.Manifests, frrK8sAccount()...)
	a.Manifests = append(a.Manifests, frrFiles("-K 120 "), object.PodsOf("DaemonSet", namespace, frrK8s, frrK8sPod(b, image)))
}

func frrK8sAccount() []string {
	const read, all = "get list watch", "get list watch create delete patch update"
	return object.Account(namespace, frrK8s,
		[]any{
			object.Rule("", "nodes", read), object.Rule(frrK8sGroup, frrConfiguration, read),
			object.Rule(frrK8sGroup, "frrnodestates bgpsessionstates", all),
			object.Rule(frrK8sGroup, "frrnodestates/status bgpsessionstates/status", "get patch update"),
		},
		[]any{object.Rule("", "secrets pods", read)})
}

// frrK8sPod returns the pod of every node: the controller, FRR, the reloader, and the reporter of sessions.
func frrK8sPod(b *plan.Builder, image plan.Image) map[string]any {
	env := append(object.APIEnv(b),
		object.FromField("NODE_NAME", "spec.nodeName"), object.FromField("NAMESPACE", "metadata.namespace"), object.FromField("POD_NAME", "metadata.name"))
	frr := plan.Image{Name: "frr"}.Ref()
	probe := metricsProbe(frrK8sMetrics)
	probe["httpGet"].(map[string]any)["host"] = "127.0.0.1"
	status := object.Mount("status", "/etc/frr_status")
	containers := []any{
		map[string]any{
			"name": "controller", "image": image.Ref(), "imagePullPolicy": "IfNotPresent", "command": []any{"/frr-k8s"},
			"args": []any{"--node-name=$(NODE_NAME)", "--namespace=$(NAMESPACE)", fmt.Sprintf("--metrics-bind-address=127.0.0.1:%d", frrK8sMetrics)},
			"env":  append(frrFilesEnv(), env...), "readinessProbe": probe, "securityContext": restricted("NET_RAW"),
			"volumeMounts": []any{object.Mount("reloader", "/etc/frr_reloader")},
		},
		map[string]any{
			"name": "frr-status", "image": frr, "imagePullPolicy": "IfNotPresent", "command": []any{"/etc/frr_status/frr-status"},
			"args": []any{"--node-name=$(NODE_NAME)", "--namespace=$(NAMESPACE)", "--pod-name=$(POD_NAME)"},
			"env":  env, "volumeMounts": append(frrMounts(), status),
		},
	}
	copies := append(frrInit(image, "cp"), map[string]any{
		"name": "cp-frr-status", "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
		"command": []any{"cp", "/frr-status", "/etc/frr_status/frr-status"}, "volumeMounts": []any{status},
	})
	return map[string]any{
		"serviceAccountName": frrK8s, "hostNetwork": true, "terminationGracePeriodSeconds": 0, "tolerations": object.Everywhere(),
		"shareProcessNamespace": true, // the controller signals the reloader
		"initContainers":        copies,
		"containers":            append(containers, frrContainers()...),
		"volumes":               append(frrVolumes(), map[string]any{"name": "status", "emptyDir": map[string]any{}}),
	}
}
