package scenario

import (
	"fmt"
	"net/url"
	"slices"
)

// K3s has the settings for nodes of provider k3s, beyond the cluster's own fields (https://docs.k3s.io/cli/server,
// https://docs.k3s.io/installation/private-registry). The servers keep the cluster's state in a separate etcd beside the
// servers. flannel, kube-proxy and the network policy of k3s are always off.
type K3s struct {
	Release string `json:"release,omitempty" jsonschema:"example=1.36.3-k3s1"` // the image's release; default: kubernetes with -k3s1
	// Disable lists packaged components that k3s does not deploy; default: servicelb, traefik, metrics-server, local-storage.
	Disable []string `json:"disable,omitempty"`
	// Mirrors lists sources of images, in place of the registries in the names of the images.
	Mirrors []Mirror `json:"mirrors,omitempty"`
}

// Mirror is an entry of registries.yaml.
type Mirror struct {
	Registry  string   `json:"registry"`  // the host of a registry, or * for every registry
	Endpoints []string `json:"endpoints"` // URLs; k3s tries the URLs in this order
}

// packaged lists the components that `k3s server --disable` accepts.
func packaged() []string {
	return []string{"coredns", "servicelb", "traefik", "local-storage", "metrics-server", "runtimes"}
}

func (c *Cluster) k3sDefaults() {
	if c.Provider != ProviderK3s {
		return
	}
	if c.K3s == nil {
		c.K3s = &K3s{}
	}
	if c.K3s.Disable == nil {
		c.K3s.Disable = []string{"servicelb", "traefik", "metrics-server", "local-storage"}
	}
}

func (v *Validation) k3s(path string, k *K3s) {
	if v.spec.Cluster.Provider != ProviderK3s {
		v.Add(path, "seen k3s with provider %s, want provider: k3s", v.spec.Cluster.Provider)
		return
	}
	v.Repeated(path+".disable", k.Disable)
	for i, name := range k.Disable {
		if !slices.Contains(packaged(), name) {
			v.Add(fmt.Sprintf("%s.disable[%d]", path, i), "seen %q, want a packaged component of k3s: %s", name, list(packaged()))
		}
	}
	var registries []string
	for i, m := range k.Mirrors {
		at := fmt.Sprintf("%s.mirrors[%d]", path, i)
		registries = append(registries, m.Registry)
		v.NotEmpty(at+".endpoints", len(m.Endpoints))
		for j, e := range m.Endpoints {
			if u, err := url.Parse(e); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
				v.Add(fmt.Sprintf("%s.endpoints[%d]", at, j), "seen %q, want a URL such as http://192.0.2.10:5000", e)
			}
		}
	}
	v.Repeated(path+".mirrors", registries)
}
