package plan

import "skidpad.dev/skidpad/lab/scenario"

const pureLBNamespace = "purelb-system"

// pureLB plans PureLB's allocator alone: addresses are given, and whoever speaks BGP announces them. Its definitions
// are generated when PureLB is built and lie in no module; ours say no more than that there are such resources, and
// the allocator reads them as its own do.
func (b *builder) pureLB(p *scenario.PureLB) Addon {
	image := Image{Name: "purelb-allocator", Version: p.Version}
	const read = "get list watch update"
	docs := []string{
		pureLBDefinition("ServiceGroup", "servicegroups"), pureLBDefinition("LBNodeAgent", "lbnodeagents"),
		named("v1", "Namespace", "", pureLBNamespace, nil),
	}
	docs = append(docs, account(pureLBNamespace, "allocator",
		[]any{
			rule("purelb.io", "servicegroups lbnodeagents", read), rule("purelb.io", "servicegroups/status", "get update patch"),
			rule("", "services", read), rule("", "services/status", "update"),
			rule("", "events", "create patch"), rule("", "namespaces", "get list"),
		},
		[]any{rule("coordination.k8s.io", "leases", "get list watch")})...)
	docs = append(docs, podsOf("Deployment", pureLBNamespace, "allocator", map[string]any{
		"serviceAccountName": "allocator", "terminationGracePeriodSeconds": 0,
		"containers": []any{map[string]any{
			"name": "allocator", "image": image.Ref(), "imagePullPolicy": "IfNotPresent",
			"env": []any{map[string]any{"name": "DEFAULT_ANNOUNCER", "value": "PureLB"}},
		}},
	}))
	var pools []any
	for _, prefix := range p.Pools {
		pools = append(pools, map[string]any{"subnet": prefix.String(), "pool": prefix.String(), "aggregation": "/32"})
	}
	// Remote: the addresses are on none of the nodes' own networks.
	docs = append(docs, named("purelb.io/v2", "ServiceGroup", pureLBNamespace, "default",
		map[string]any{"spec": map[string]any{"remote": map[string]any{"v4pools": pools}}}))
	return Addon{Version: p.Version, Images: []Image{image}, Manifests: docs, Ready: []Ready{{Kind: "Deployment", Namespace: pureLBNamespace, Name: "allocator"}}}
}

func pureLBDefinition(kind, plural string) string {
	return named("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", plural+".purelb.io", map[string]any{"spec": map[string]any{
		"group": "purelb.io", "scope": "Namespaced",
		"names": map[string]any{"kind": kind, "listKind": kind + "List", "plural": plural},
		"versions": []any{map[string]any{
			"name": "v2", "served": true, "storage": true, "subresources": map[string]any{"status": map[string]any{}},
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
		}},
	}})
}
