package purelb

import (
	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const namespace = "purelb-system"

// PlanAddon plans only PureLB's allocator: PureLB gives the addresses, and another BGP speaker announces the addresses. The
// build of PureLB generates the definitions, and no module contains the definitions. Our definitions only name the resources.
// The allocator reads our definitions like PureLB's own definitions.
func (p *Addon) PlanAddon(*plan.Builder) plan.Addon {
	image := plan.Image{Name: "purelb-allocator", Version: p.Version}
	const read = "get list watch update"
	docs := []string{
		definition("ServiceGroup", "servicegroups"), definition("LBNodeAgent", "lbnodeagents"),
		object.Named("v1", "Namespace", "", namespace, nil),
	}
	docs = append(docs, object.Account(namespace, "allocator",
		[]any{
			object.Rule("purelb.io", "servicegroups lbnodeagents", read), object.Rule("purelb.io", "servicegroups/status", "get update patch"),
			object.Rule("", "services", read), object.Rule("", "services/status", "update"),
			object.Rule("", "events", "create patch"), object.Rule("", "namespaces", "get list"),
		},
		[]any{object.Rule("coordination.k8s.io", "leases", "get list watch")})...)
	docs = append(docs, object.PodsOf("Deployment", namespace, "allocator", map[string]any{
		"serviceAccountName": "allocator", "terminationGracePeriodSeconds": 0,
		"containers": []any{map[string]any{
			"name": "allocator", "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
			"env": []any{map[string]any{"name": "DEFAULT_ANNOUNCER", "value": "PureLB"}},
		}},
	}))
	var pools []any
	for _, prefix := range scenario.PoolPrefixes(p.Pools) {
		pools = append(pools, map[string]any{"subnet": prefix.String(), "pool": prefix.String(), "aggregation": "/32"})
	}
	// Remote: the addresses are outside of the nodes' own networks.
	docs = append(docs, object.Named("purelb.io/v2", "ServiceGroup", namespace, "default",
		map[string]any{"spec": map[string]any{"remote": map[string]any{"v4pools": pools}}}))
	return plan.Addon{Version: p.Version, Images: []plan.Image{image}, Manifests: docs, Ready: []plan.Ready{{Kind: "Deployment", Namespace: namespace, Name: "allocator"}}}
}

func definition(kind, plural string) string {
	return object.Named("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", plural+".purelb.io", map[string]any{"spec": map[string]any{
		"group": "purelb.io", "scope": "Namespaced",
		"names": map[string]any{"kind": kind, "listKind": kind + "List", "plural": plural},
		"versions": []any{map[string]any{
			"name": "v2", "served": true, "storage": true, "subresources": map[string]any{"status": map[string]any{}},
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
		}},
	}})
}
