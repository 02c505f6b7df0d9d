// Package providers chooses the provider of a plan's cluster.
package providers

import (
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/cluster/existing"
	"skidpad.dev/skidpad/lab/cluster/k3s"
	"skidpad.dev/skidpad/lab/cluster/kind"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// New describes the cluster of a plan, without any I/O. images are needed by Create alone.
func New(e *docker.Engine, p *plan.Plan, images map[string]image.Resolved, kubeconfig string, log func(string)) cluster.Provider {
	switch p.Cluster.Provider {
	case scenario.ProviderK3s:
		return k3s.New(e, p, images, kubeconfig, log)
	case scenario.ProviderExisting:
		return existing.New(e, p, images, kubeconfig)
	}
	return kind.New(e, p, kubeconfig, log)
}

// AdminConf returns the path of the administrator's kubeconfig within a plan's first control-plane node.
func AdminConf(p *plan.Plan) string {
	if p.Cluster.Provider == scenario.ProviderK3s {
		return k3s.AdminConf
	}
	return kind.AdminConf
}
