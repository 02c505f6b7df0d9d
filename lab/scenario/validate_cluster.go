package scenario

import (
	"regexp"
	"strings"
)

var kubernetesForm = regexp.MustCompile(`^v1\.[0-9]+(\.[0-9]+)?$`)

func (v *Validation) cluster() {
	c := v.spec.Cluster
	if c == nil || c.Provider == ProviderExisting {
		return
	}
	const path = "spec.cluster"
	switch {
	case !kubernetesForm.MatchString(c.Kubernetes):
		v.Add(path+".kubernetes", "seen %q, want a version such as v1.36 or v1.36.3", c.Kubernetes)
	case c.Kubernetes != "v1.36" && !strings.HasPrefix(c.Kubernetes, "v1.36."):
		v.NotYet(path+".kubernetes", c.Kubernetes, "v1.36 or a release of it such as v1.36.3")
	}
	if c.K3s != nil {
		v.k3s(path+".k3s", c.K3s)
	}
	v.ipFamily(path, c)
	v.endpoint(c)
	if c.Network != "" {
		v.Network(path+".network", c.Network)
	}
	v.racks(path, c)
	v.clusterNodes(path+".nodes", c)
	v.clusterPrefixes(c)
}

// clusterPrefixes checks that the pod prefix has a /24 for each node, the size from the controller manager's node IPAM, and
// that the API server accepts the service prefix (at most 20 bits of addresses; the cluster's DNS takes the tenth address).
func (v *Validation) clusterPrefixes(c *Cluster) {
	nodes := len(v.spec.NodeNames())
	if bits := c.PodCIDR.Bits(); c.PodCIDR.IsValid() && (bits < 8 || bits > 24 || nodes > 1<<(24-bits)) {
		v.Add("spec.cluster.podCIDR", "seen %s, want /8 to /24 with a /24 for each of %d nodes", c.PodCIDR, nodes)
	}
	if bits := c.ServiceCIDR.Bits(); c.ServiceCIDR.IsValid() && (bits < 12 || bits > 28) {
		v.Add("spec.cluster.serviceCIDR", "seen %s, want a prefix from /12 to /28", c.ServiceCIDR)
	}
}
