// Package object writes Kubernetes objects for addons without manifests of their own.
package object

import (
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
)

// Name is the name of every resource of ours in a cluster. If a kind has several resources, the names begin with Name.
const Name = "skidpad"

// ConnectRetry is the time before a node tries a router again, in seconds: the smallest value that speakers allow. Sessions
// fail while routers start, and a lab waits for the retry.
const ConnectRetry = 1

// APIEnv returns the environment variables with the address of the API server. A pod on the host's network needs the address
// before the API's ClusterIP works.
func APIEnv(b *plan.Builder) []any {
	host, port := b.APIServer()
	return []any{Env("KUBERNETES_SERVICE_HOST", host), Env("KUBERNETES_SERVICE_PORT", strconv.Itoa(port))}
}

// Env returns an environment variable.
func Env(name, value string) any { return map[string]any{"name": name, "value": value} }

// FromField returns an environment variable with a field of the pod.
func FromField(name, path string) map[string]any {
	return map[string]any{"name": name, "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": path}}}
}

// Everywhere tolerates every taint: the pods run on each node from the node's join on.
func Everywhere() []any { return []any{map[string]any{"operator": "Exists"}} }

// Named returns an object with a namespace. Named leaves out an empty namespace.
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

// Rule returns a rule of a role.
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

// Account returns a ServiceAccount with the account's rights in the whole cluster, and the rights only in the account's
// namespace.
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

// PodsOf returns a DaemonSet or Deployment. The pods carry the label app: name.
func PodsOf(kind, namespace, name string, pod map[string]any) string {
	spec := podsSpec(name, pod)
	if kind == "Deployment" {
		spec["replicas"] = 1
	}
	return Named("apps/v1", kind, namespace, name, map[string]any{"spec": spec})
}

// DaemonsAtOnce returns a DaemonSet. When the pods' template changes, the DaemonSet replaces all pods at once.
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

// HostPath returns a volume of a path of the host.
func HostPath(name, path, kind string) map[string]any {
	return map[string]any{"name": name, "hostPath": map[string]any{"path": path, "type": kind}}
}

// Mount returns the mount of a volume at a path of a container.
func Mount(name, path string) map[string]any { return map[string]any{"name": name, "mountPath": path} }
