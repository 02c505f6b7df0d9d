// Package object writes Kubernetes objects for addons without manifests of their own.
package object

import (
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
)

// Name is the name of every resource of ours in a cluster, and the name's beginning if there are several.
const Name = "skidpad"

// ConnectRetry is the time before a node tries a router again, in seconds. It is the least that speakers allow: a lab waits
// for sessions that fail while routers start.
const ConnectRetry = 1

// APIEnv tells a pod on the host's network the place of the API server before any program makes its ClusterIP work.
func APIEnv(b *plan.Builder) []any {
	host, port := b.APIServer()
	return []any{Env("KUBERNETES_SERVICE_HOST", host), Env("KUBERNETES_SERVICE_PORT", strconv.Itoa(port))}
}

// Env is an environment variable.
func Env(name, value string) any { return map[string]any{"name": name, "value": value} }

// FromField is an environment variable that holds a field of its pod.
func FromField(name, path string) map[string]any {
	return map[string]any{"name": name, "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": path}}}
}

// Everywhere tolerates every taint: what runs on each node from when it joins.
func Everywhere() []any { return []any{map[string]any{"operator": "Exists"}} }

// Named is an object with a namespace; an empty one is left out.
func Named(api, kind, namespace, name string, rest map[string]any) string {
	meta := map[string]any{"name": name}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	doc := map[string]any{"apiVersion": api, "kind": kind, "metadata": meta}
	for k, v := range rest {
		doc[k] = v
	}
	return plan.YAML(doc)
}

// Rule is one rule of a role.
func Rule(group, resources, verbs string) any {
	return map[string]any{"apiGroups": []any{group}, "resources": Words(resources), "verbs": Words(verbs)}
}

// Words splits a text at its blanks.
func Words(text string) []any {
	var all []any
	for word := range strings.FieldsSeq(text) {
		all = append(all, word)
	}
	return all
}

// Account is a ServiceAccount with what it may do in the whole cluster, and in its namespace alone.
func Account(namespace, name string, cluster, local []any) []string {
	const rbac = "rbac.authorization.k8s.io"
	subjects := []any{map[string]any{"kind": "ServiceAccount", "name": name, "namespace": namespace}}
	docs := []string{Named("v1", "ServiceAccount", namespace, name, nil)}
	if len(cluster) > 0 {
		full := namespace + "-" + name
		docs = append(docs, Named(rbac+"/v1", "ClusterRole", "", full, map[string]any{"rules": cluster}),
			Named(rbac+"/v1", "ClusterRoleBinding", "", full, map[string]any{
				"roleRef": map[string]any{"apiGroup": rbac, "kind": "ClusterRole", "name": full}, "subjects": subjects}))
	}
	if len(local) > 0 {
		docs = append(docs, Named(rbac+"/v1", "Role", namespace, name, map[string]any{"rules": local}),
			Named(rbac+"/v1", "RoleBinding", namespace, name, map[string]any{
				"roleRef": map[string]any{"apiGroup": rbac, "kind": "Role", "name": name}, "subjects": subjects}))
	}
	return docs
}

// PodsOf is a DaemonSet or Deployment whose pods carry the label app: name.
func PodsOf(kind, namespace, name string, pod map[string]any) string {
	spec := podsSpec(name, pod)
	if kind == "Deployment" {
		spec["replicas"] = 1
	}
	return Named("apps/v1", kind, namespace, name, map[string]any{"spec": spec})
}

// DaemonsAtOnce is a DaemonSet whose pods are all made anew at once when their template changes.
func DaemonsAtOnce(namespace, name string, pod map[string]any) string {
	spec := podsSpec(name, pod)
	spec["updateStrategy"] = map[string]any{"rollingUpdate": map[string]any{"maxUnavailable": "100%"}}
	return Named("apps/v1", "DaemonSet", namespace, name, map[string]any{"spec": spec})
}

func podsSpec(name string, pod map[string]any) map[string]any {
	labels := map[string]any{"app": name}
	return map[string]any{
		"selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": pod},
	}
}

// HostPath is a volume and where a container sees it.
func HostPath(name, path, kind string) map[string]any {
	return map[string]any{"name": name, "hostPath": map[string]any{"path": path, "type": kind}}
}

// Mount is a volume at a path of a container.
func Mount(name, path string) map[string]any { return map[string]any{"name": name, "mountPath": path} }
