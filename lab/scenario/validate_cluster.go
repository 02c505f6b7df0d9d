package scenario

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	kubernetesForm = regexp.MustCompile(`^v1\.[0-9]+(\.[0-9]+)?$`)
	ciliumForm     = regexp.MustCompile(`^1\.[0-9]+\.[0-9]+$`)
)

func (v *Validation) cluster() {
	c := v.spec.Cluster
	if c == nil {
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
	if cilium, _ := v.spec.cilium(); cilium != nil && c.KubeProxy != KubeProxyNone {
		v.NotYet(path+".kubeProxy", string(c.KubeProxy)+" beside Cilium", KubeProxyNone)
	}
	v.ipFamily(path, c)
	v.endpoint(c)
	if c.Network != "" {
		v.Network(path+".network", c.Network)
	}
	v.racks(path, c)
	v.clusterPrefixes(c)
}

// clusterPrefixes checks that there is a /24 of the pod prefix for each node, which is what the
// controller manager's node IPAM hands out, and that the API server takes the service prefix (at most
// 20 bits of addresses; the cluster's DNS wants the tenth).
func (v *Validation) clusterPrefixes(c *Cluster) {
	nodes := len(v.spec.NodeNames())
	if bits := c.PodCIDR.Bits(); c.PodCIDR.IsValid() && (bits < 8 || bits > 24 || nodes > 1<<(24-bits)) {
		v.Add("spec.cluster.podCIDR", "seen %s, want /8 to /24 with a /24 for each of %d nodes", c.PodCIDR, nodes)
	}
	if bits := c.ServiceCIDR.Bits(); c.ServiceCIDR.IsValid() && (bits < 12 || bits > 28) {
		v.Add("spec.cluster.serviceCIDR", "seen %s, want a prefix from /12 to /28", c.ServiceCIDR)
	}
}

// cannotBeHad reports whether a release of Cilium can be neither pulled nor built. Releases that can only
// be pulled are not among them: whether that works is the machine's affair.
func cannotBeHad(cilium string) bool {
	return cilium == "1.19.2" || cilium == "1.17.4"
}

func (v *Validation) ciliumVersion(path string, c *Cilium) {
	switch {
	case strings.Contains(c.Version, "/"): // a checkout of Cilium's repository, which its builder looks at
	case !ciliumForm.MatchString(c.Version):
		v.Add(path, "seen %q, want a version such as %s", c.Version, DefaultCilium)
	case cannotBeHad(c.Version):
		v.Add(path, "seen %s, a version of Cilium that cannot be had, want another release such as %s", c.Version, DefaultCilium)
	case c.Before(16) && c.BGP != nil:
		v.NotYet(path, c.Version+" with bgp", "1.16.0 or newer: older releases have another BGP API")
	}
}

// Before reports whether it is a release older than the first of a series: 18 stands for 1.18. A checkout is taken to be new.
func (c *Cilium) Before(minor int) bool {
	var have int
	_, err := fmt.Sscanf(c.Version, "1.%d", &have)
	return err == nil && have < minor
}
