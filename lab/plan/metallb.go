package plan

import (
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

const (
	metalLBModule    = "go.universe.tf/metallb"
	metalLBNamespace = "metallb-system"
	metalLBPort      = 7472 // metrics, by which pods tell that they are up
	memberlistPort   = 7946
)

// metalLB plans MetalLB's controller and speakers. The webhooks that check its resources are left out, and with them
// the certificates that a bring-up would wait for: validation has been through the scenario already.
func (b *builder) metalLB(m *scenario.MetalLB) Addon {
	controller, speaker := Image{Name: "metallb-controller", Version: m.Version}, Image{Name: "metallb-speaker", Version: m.Version}
	a := Addon{
		Version:     m.Version,
		Images:      []Image{controller, speaker},
		Definitions: &Definitions{Module: metalLBModule, Version: "v" + m.Version, Pattern: "config/crd/bases/*.yaml"},
		Ready:       []Ready{{Kind: "Deployment", Namespace: metalLBNamespace, Name: "controller"}, {Kind: "DaemonSet", Namespace: metalLBNamespace, Name: "speaker"}},
	}
	a.Manifests = append(a.Manifests, named("v1", "Namespace", "", metalLBNamespace, nil))
	a.Manifests = append(a.Manifests, metalLBAccounts()...)
	frr := m.BGP != nil && m.BGP.Backend == "frr"
	if frr {
		a.Images = append(a.Images, Image{Name: "frr"})
		a.Manifests = append(a.Manifests, metalLBFRRFiles())
	}
	a.Manifests = append(a.Manifests, podsOf("Deployment", metalLBNamespace, "controller", metalLBController(controller, frr)),
		podsOf("DaemonSet", metalLBNamespace, "speaker", b.metalLBSpeaker(m, speaker, frr)))
	a.Manifests = append(a.Manifests, b.metalLBResources(m)...)
	return a
}

func metalLBAccounts() []string {
	const read = "get list watch"
	controller := account(metalLBNamespace, "controller",
		[]any{
			rule("", "services namespaces", read), rule("", "nodes", "list"), rule("", "services/status", "update"),
			rule("", "events", "create patch"), rule("apiextensions.k8s.io", "customresourcedefinitions", "list watch"),
			rule("admissionregistration.k8s.io", "validatingwebhookconfigurations", "list watch"),
		},
		[]any{
			rule("", "secrets", read), rule("metallb.io", "ipaddresspools/status", "update"),
			rule("metallb.io", "ipaddresspools bgppeers bgpadvertisements l2advertisements communities bfdprofiles", read),
		})
	speaker := account(metalLBNamespace, "speaker",
		[]any{
			rule("", "services endpoints nodes namespaces", read), rule("discovery.k8s.io", "endpointslices", read),
			rule("", "events", "create patch"), rule("metallb.io", "servicel2statuses servicel2statuses/status", "*"),
		},
		[]any{
			rule("", "pods", "list get"), rule("", "secrets configmaps", read),
			rule("metallb.io", "ipaddresspools bgppeers bgpadvertisements l2advertisements communities bfdprofiles", read),
			rule("metallb.io", "servicebgpstatuses servicebgpstatuses/status", "*"),
		})
	return append(controller, speaker...)
}

func metalLBController(image Image, frr bool) map[string]any {
	env := []any{}
	if frr {
		env = append(env, map[string]any{"name": "METALLB_BGP_TYPE", "value": "frr"})
	}
	return map[string]any{
		"serviceAccountName":            "controller",
		"terminationGracePeriodSeconds": 0,
		"containers": []any{map[string]any{
			"name": "controller", "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
			"args": []any{fmt.Sprintf("--port=%d", metalLBPort), "--webhook-mode=disabled"}, "env": env,
			"readinessProbe": metricsProbe(), "securityContext": metalLBRestricted(),
		}},
	}
}

func metricsProbe() map[string]any {
	return map[string]any{"httpGet": map[string]any{"path": "/metrics", "port": metalLBPort}, "periodSeconds": 1}
}

func metalLBRestricted(add ...any) map[string]any {
	capabilities := map[string]any{"drop": []any{"ALL"}}
	if len(add) > 0 {
		capabilities["add"] = add
	}
	return map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": capabilities}
}

// metalLBSpeaker is the pod of every node. Memberlist is not encrypted: its key would be one more thing to wait for.
func (b *builder) metalLBSpeaker(m *scenario.MetalLB, image Image, frr bool) map[string]any {
	env := append(b.apiEnv(),
		fromField("METALLB_NODE_NAME", "spec.nodeName"), fromField("METALLB_HOST", "status.hostIP"), fromField("METALLB_POD_NAME", "metadata.name"))
	if m.L2 != nil && *m.L2.Memberlist {
		env = append(env, fromField("METALLB_ML_BIND_ADDR", "status.podIP"),
			map[string]any{"name": "METALLB_ML_LABELS", "value": "app=speaker"},
			map[string]any{"name": "METALLB_ML_BIND_PORT", "value": fmt.Sprint(memberlistPort)})
	}
	container := map[string]any{
		"name": "speaker", "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
		"args":            []any{fmt.Sprintf("--port=%d", metalLBPort)},
		"readinessProbe":  metricsProbe(),
		"securityContext": metalLBRestricted("NET_RAW"),
	}
	pod := map[string]any{
		"serviceAccountName": "speaker", "hostNetwork": true, "terminationGracePeriodSeconds": 0, "tolerations": everywhere(),
	}
	containers := []any{container}
	if frr {
		env = append(env, metalLBFRREnv()...)
		container["volumeMounts"] = []any{mount("reloader", "/etc/frr_reloader")}
		containers = append(containers, metalLBFRRContainers()...)
		pod["shareProcessNamespace"] = true // the speaker signals the reloader
		pod["volumes"], pod["initContainers"] = metalLBFRRVolumes(), metalLBFRRInit(image)
	}
	container["env"] = env
	pod["containers"] = containers
	return pod
}

// metalLBResources say which addresses there are, and how they are announced.
func (b *builder) metalLBResources(m *scenario.MetalLB) []string {
	doc := func(api, kind, name string, spec map[string]any) string {
		return named("metallb.io/"+api, kind, metalLBNamespace, name, map[string]any{"spec": spec})
	}
	var ranges []any
	for _, p := range m.Pools {
		ranges = append(ranges, p.String())
	}
	ours := []any{resourceName}
	docs := []string{doc("v1beta1", "IPAddressPool", resourceName, map[string]any{"addresses": ranges, "avoidBuggyIPs": true})}
	if m.L2 != nil {
		docs = append(docs, doc("v1beta1", "L2Advertisement", resourceName, map[string]any{"ipAddressPools": ours, "interfaces": []any{"eth0"}}))
	}
	if m.BGP == nil {
		return docs
	}
	hold := m.BGP.HoldTime.Std()
	for _, r := range b.nodePeers(m.BGP.Peers) {
		spec := map[string]any{
			"myASN": int64(m.BGP.ASN), "peerASN": int64(r.asn), "peerAddress": r.address,
			"holdTime": hold.String(), "keepaliveTime": (hold / 3).String(),
		}
		if m.BGP.Backend == "frr" {
			spec["connectTime"] = fmt.Sprintf("%ds", connectRetry)
		}
		if m.BGP.GracefulRestart {
			spec["enableGracefulRestart"] = true
		}
		docs = append(docs, doc("v1beta2", "BGPPeer", r.name, spec))
	}
	return append(docs, doc("v1beta1", "BGPAdvertisement", resourceName, map[string]any{"ipAddressPools": ours}))
}

// metalLBFRRFiles are the files that FRR starts with; the speaker writes frr.conf anew. bgpd listens nowhere: the
// nodes open the sessions.
func metalLBFRRFiles() string {
	daemons := []string{"bgpd=yes", "bfdd=yes", "vtysh_enable=yes",
		`zebra_options="-A 127.0.0.1 -s 90000000"`, `bgpd_options="-A 127.0.0.1 -p 0"`, `bfdd_options="-A 127.0.0.1"`}
	return named("v1", "ConfigMap", metalLBNamespace, "frr-startup", map[string]any{"data": map[string]any{
		"daemons":    strings.Join(daemons, "\n") + "\n",
		"vtysh.conf": "service integrated-vtysh-config\n",
		"frr.conf":   "frr defaults traditional\nhostname Router\nline vty\nlog file /etc/frr/frr.log informational\n",
	}})
}

func metalLBFRREnv() []any {
	return []any{
		map[string]any{"name": "FRR_CONFIG_FILE", "value": "/etc/frr_reloader/frr.conf"},
		map[string]any{"name": "FRR_RELOADER_PID_FILE", "value": "/etc/frr_reloader/reloader.pid"},
		map[string]any{"name": "METALLB_BGP_TYPE", "value": "frr"},
	}
}

func metalLBFRRVolumes() []any {
	volumes := []any{map[string]any{"name": "frr-startup", "configMap": map[string]any{"name": "frr-startup"}}}
	for _, name := range []string{"frr-sockets", "frr-conf", "reloader"} {
		volumes = append(volumes, map[string]any{"name": name, "emptyDir": map[string]any{}})
	}
	return volumes
}

// metalLBFRRInit copies FRR's first files, and the program that reloads it, to where both sides see them.
func metalLBFRRInit(speaker Image) []any {
	return []any{
		map[string]any{"name": "cp-frr-files", "image": Image{Name: "frr"}.Ref(), "imagePullPolicy": "IfNotPresent",
			"command":      []any{"/bin/sh", "-c", "cp -rLf /tmp/frr/* /etc/frr/ && chown -R frr:frr /etc/frr"},
			"volumeMounts": []any{mount("frr-startup", "/tmp/frr"), mount("frr-conf", "/etc/frr")}},
		map[string]any{"name": "cp-reloader", "image": speaker.Ref(), "imagePullPolicy": "IfNotPresent",
			"command":      []any{"/cp-tool", "/frr-reloader.sh", "/etc/frr_reloader/frr-reloader.sh"},
			"volumeMounts": []any{mount("reloader", "/etc/frr_reloader")}},
	}
}

func metalLBFRRContainers() []any {
	shared := []any{mount("frr-sockets", "/var/run/frr"), mount("frr-conf", "/etc/frr")}
	return []any{
		map[string]any{"name": "frr", "image": Image{Name: "frr"}.Ref(), "imagePullPolicy": "IfNotPresent",
			"command":         []any{"tini", "-s", "--", "/usr/lib/frr/docker-start"},
			"securityContext": map[string]any{"capabilities": map[string]any{"add": words("NET_ADMIN NET_RAW SYS_ADMIN NET_BIND_SERVICE")}},
			"volumeMounts":    shared},
		map[string]any{"name": "reloader", "image": Image{Name: "frr"}.Ref(), "imagePullPolicy": "IfNotPresent",
			"command":      []any{"/bin/bash", "/etc/frr_reloader/frr-reloader.sh"},
			"volumeMounts": append([]any{mount("reloader", "/etc/frr_reloader")}, shared...)},
	}
}
