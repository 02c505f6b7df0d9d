package metallb

import (
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
)

const (
	module         = "go.universe.tf/metallb"
	namespace      = "metallb-system"
	metricsPort    = 7472 // metrics, also the readiness of the pods
	memberlistPort = 7946
)

// PlanAddon plans MetalLB's controller and speakers. The plan leaves out the webhooks that check MetalLB's resources. A
// bring-up therefore does not wait for certificates. The validation of the scenario has done the checks already.
func (m *Addon) PlanAddon(b *plan.Builder) plan.Addon {
	controller, speaker := plan.Image{Name: "metallb-controller", Version: m.Version}, plan.Image{Name: "metallb-speaker", Version: m.Version}
	a := plan.Addon{
		Version:     m.Version,
		Images:      []plan.Image{controller, speaker},
		Definitions: &plan.Definitions{Module: module, Version: "v" + m.Version, Pattern: "config/crd/bases/*.yaml"},
		Ready:       []plan.Ready{{Kind: "Deployment", Namespace: namespace, Name: "controller"}, {Kind: "DaemonSet", Namespace: namespace, Name: "speaker"}},
	}
	a.Manifests = append(a.Manifests, object.Named("v1", "Namespace", "", namespace, nil))
	backend := m.backend()
	a.Manifests = append(a.Manifests, accounts(backend)...)
	switch backend {
	case frrBackend:
		a.Images = append(a.Images, plan.Image{Name: "frr"})
		a.Manifests = append(a.Manifests, frrFiles(""))
	case frrK8sBackend:
		m.addFRRK8s(b, &a)
	}
	a.Manifests = append(a.Manifests, object.PodsOf("Deployment", namespace, "controller", controllerPod(controller, backend)),
		object.PodsOf("DaemonSet", namespace, "speaker", m.speakerPod(b, speaker, backend)))
	r := m.resources(b)
	a.Manifests, a.Secrets = append(a.Manifests, r.docs...), r.secrets
	return a
}

// backend returns the BGP implementation; empty without BGP.
func (m *Addon) backend() string {
	if m.BGP == nil {
		return ""
	}
	return m.BGP.Backend
}

func accounts(backend string) []string {
	const read = "get list watch"
	controller := object.Account(namespace, "controller",
		[]any{
			object.Rule("", "services namespaces", read), object.Rule("", "nodes", "list"), object.Rule("", "services/status", "update"),
			object.Rule("", "events", "create patch"), object.Rule("apiextensions.k8s.io", "customresourcedefinitions", "list watch"),
			object.Rule("admissionregistration.k8s.io", "validatingwebhookconfigurations", "list watch"),
		},
		[]any{
			object.Rule("", "secrets", read), object.Rule("metallb.io", "ipaddresspools/status", "update"),
			object.Rule("metallb.io", "ipaddresspools bgppeers bgpadvertisements l2advertisements communities bfdprofiles", read),
		})
	everywhere := []any{
		object.Rule("", "services endpoints nodes namespaces", read), object.Rule("discovery.k8s.io", "endpointslices", read),
		object.Rule("", "events", "create patch"), object.Rule("metallb.io", "servicel2statuses servicel2statuses/status", "*"),
	}
	if backend == frrK8sBackend {
		everywhere = append(everywhere, object.Rule(frrK8sGroup, frrConfiguration, "get list watch create update delete"))
	}
	speaker := object.Account(namespace, "speaker", everywhere,
		[]any{
			object.Rule("", "pods", "list get"), object.Rule("", "secrets configmaps", read),
			object.Rule("metallb.io", "ipaddresspools bgppeers bgpadvertisements l2advertisements communities bfdprofiles", read),
			object.Rule("metallb.io", "servicebgpstatuses servicebgpstatuses/status", "*"),
		})
	return append(controller, speaker...)
}

func controllerPod(image plan.Image, backend string) map[string]any {
	env := []any{}
	if backend == frrBackend || backend == frrK8sBackend {
		env = append(env, object.Env("METALLB_BGP_TYPE", backend))
	}
	return map[string]any{
		"serviceAccountName":            "controller",
		"terminationGracePeriodSeconds": 0,
		"containers": []any{map[string]any{
			"name": "controller", "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
			"args": []any{fmt.Sprintf("--port=%d", metricsPort), "--webhook-mode=disabled"}, "env": env,
			"readinessProbe": metricsProbe(metricsPort), "securityContext": restricted(),
		}},
	}
}

func metricsProbe(port int) map[string]any {
	return map[string]any{"httpGet": map[string]any{"path": "/metrics", "port": port}, "periodSeconds": 1}
}

func restricted(add ...any) map[string]any {
	capabilities := map[string]any{"drop": []any{"ALL"}}
	if len(add) > 0 {
		capabilities["add"] = add
	}
	return map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": capabilities}
}

// speakerPod returns the pod of every node. Memberlist is not encrypted, because a bring-up would also have to wait for the
// key.
func (m *Addon) speakerPod(b *plan.Builder, image plan.Image, backend string) map[string]any {
	env := append(object.APIEnv(b),
		object.FromField("METALLB_NODE_NAME", "spec.nodeName"), object.FromField("METALLB_HOST", "status.hostIP"), object.FromField("METALLB_POD_NAME", "metadata.name"))
	if m.L2 != nil && *m.L2.Memberlist {
		env = append(env, object.FromField("METALLB_ML_BIND_ADDR", "status.podIP"),
			map[string]any{"name": "METALLB_ML_LABELS", "value": "app=speaker"},
			map[string]any{"name": "METALLB_ML_BIND_PORT", "value": fmt.Sprint(memberlistPort)})
	}
	container := map[string]any{
		"name": "speaker", "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
		"args":            []any{fmt.Sprintf("--port=%d", metricsPort)},
		"readinessProbe":  metricsProbe(metricsPort),
		"securityContext": restricted("NET_RAW"),
	}
	pod := map[string]any{
		"serviceAccountName": "speaker", "hostNetwork": true, "terminationGracePeriodSeconds": 0, "tolerations": object.Everywhere(),
	}
	containers := []any{container}
	switch backend {
	case frrBackend:
		env = append(append(env, frrFilesEnv()...), object.Env("METALLB_BGP_TYPE", backend))
		container["volumeMounts"] = []any{object.Mount("reloader", "/etc/frr_reloader")}
		containers = append(containers, frrContainers()...)
		pod["shareProcessNamespace"] = true // the speaker signals the reloader
		pod["volumes"], pod["initContainers"] = frrVolumes(), frrInit(image, "/cp-tool")
	case frrK8sBackend:
		env = append(env, object.Env("METALLB_BGP_TYPE", backend))
	}
	container["env"] = env
	pod["containers"] = containers
	return pod
}

// frrFiles returns FRR's files at the start, with further options of zebra. The reloader's master overwrites frr.conf later.
// bgpd does not listen: the nodes open the sessions.
func frrFiles(zebra string) string {
	daemons := []string{"bgpd=yes", "bfdd=yes", "vtysh_enable=yes",
		`zebra_options="-A 127.0.0.1 ` + zebra + `-s 90000000"`, `bgpd_options="-A 127.0.0.1 -p 0"`, `bfdd_options="-A 127.0.0.1"`}
	return object.Named("v1", "ConfigMap", namespace, "frr-startup", map[string]any{"data": map[string]any{
		"daemons":    strings.Join(daemons, "\n") + "\n",
		"vtysh.conf": "service integrated-vtysh-config\n",
		"frr.conf":   "frr defaults traditional\nhostname Router\nline vty\nlog file /etc/frr/frr.log informational\n",
	}})
}

// frrFilesEnv names the files of FRR's reloader for the reloader's master: the speaker or frr-k8s.
func frrFilesEnv() []any {
	return []any{object.Env("FRR_CONFIG_FILE", "/etc/frr_reloader/frr.conf"), object.Env("FRR_RELOADER_PID_FILE", "/etc/frr_reloader/reloader.pid")}
}

func frrVolumes() []any {
	volumes := []any{map[string]any{"name": "frr-startup", "configMap": map[string]any{"name": "frr-startup"}}}
	for _, name := range []string{"frr-sockets", "frr-conf", "reloader"} {
		volumes = append(volumes, map[string]any{"name": name, "emptyDir": map[string]any{}})
	}
	return volumes
}

// frrInit copies FRR's first files and the reload program to volumes for FRR and the reloader. copier is the program of the
// image that copies.
func frrInit(image plan.Image, copier string) []any {
	return []any{
		map[string]any{"name": "cp-frr-files", "image": plan.Image{Name: "frr"}.Ref(), "imagePullPolicy": "IfNotPresent",
			"command":      []any{"/bin/sh", "-c", "cp -rLf /tmp/frr/* /etc/frr/ && chown -R frr:frr /etc/frr"},
			"volumeMounts": []any{object.Mount("frr-startup", "/tmp/frr"), object.Mount("frr-conf", "/etc/frr")}},
		map[string]any{"name": "cp-reloader", "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
			"command":      []any{copier, "/frr-reloader.sh", "/etc/frr_reloader/frr-reloader.sh"},
			"volumeMounts": []any{object.Mount("reloader", "/etc/frr_reloader")}},
	}
}

// frrMounts are the volumes of vtysh.
func frrMounts() []any {
	return []any{object.Mount("frr-sockets", "/var/run/frr"), object.Mount("frr-conf", "/etc/frr")}
}

func frrContainers() []any {
	shared := frrMounts()
	return []any{
		map[string]any{"name": "frr", "image": plan.Image{Name: "frr"}.Ref(), "imagePullPolicy": "IfNotPresent",
			"command":         []any{"tini", "-s", "--", "/usr/lib/frr/docker-start"},
			"securityContext": map[string]any{"capabilities": map[string]any{"add": object.Words("NET_ADMIN NET_RAW SYS_ADMIN NET_BIND_SERVICE")}},
			"volumeMounts":    shared},
		map[string]any{"name": "reloader", "image": plan.Image{Name: "frr"}.Ref(), "imagePullPolicy": "IfNotPresent",
			"command":      []any{"/bin/bash", "/etc/frr_reloader/frr-reloader.sh"},
			"volumeMounts": append([]any{object.Mount("reloader", "/etc/frr_reloader")}, shared...)},
	}
}
