package scenario

import (
	"fmt"
	"net/netip"
	"reflect"
)

// Facts are the properties of a cluster that runs before the lab. A file with provider existing leaves the properties out.
type Facts struct {
	Kubernetes    string       `json:"kubernetes"` // v1.36.3
	ControlPlanes int          `json:"controlPlanes"`
	Workers       int          `json:"workers"`
	KubeProxy     KubeProxy    `json:"kubeProxy"`
	IPFamily      IPFamily     `json:"ipFamily"`
	PodCIDR       netip.Prefix `json:"podCIDR,omitzero"`
	ServiceCIDR   netip.Prefix `json:"serviceCIDR,omitzero"`
	PodCIDR6      netip.Prefix `json:"podCIDR6,omitzero"`
	ServiceCIDR6  netip.Prefix `json:"serviceCIDR6,omitzero"`
	// Addons are the cluster's own programs, with the configuration in their objects.
	Addons []Addon `json:"addons,omitempty"`
}

// Bind gives the addons of facts from JSON their types.
func (f *Facts) Bind(kinds Kinds) error { return bind(reflect.ValueOf(f).Elem(), kinds) }

// Unseen reports whether the cluster runs before the lab, and the scenario has no facts about the cluster yet.
func (c *Cluster) Unseen() bool { return c.Provider == ProviderExisting && c.Kubernetes == "" }

// Running returns the words for a cluster that runs before the lab, as the file names the cluster.
func (c *Cluster) Running() string {
	if c.Kind != "" {
		return "kind cluster " + c.Kind
	}
	return "cluster of " + c.Kubeconfig
}

// On returns the scenario on a running cluster: with the cluster's facts, with all defaults, and validated like a file.
func (s *Scenario) On(f Facts) (*Scenario, error) {
	on, err := s.Clone()
	if err != nil {
		return nil, err
	}
	found := newProblems(s.Metadata.Name)
	if s.form != nil {
		found.name, found.lines = s.form.name, s.form.lines
	}
	on.folder, on.form = s.folder, found
	c := on.Spec.Cluster
	workers := f.Workers
	c.Kubernetes, c.ControlPlanes, c.Workers, c.KubeProxy, c.IPFamily = f.Kubernetes, f.ControlPlanes, &workers, f.KubeProxy, f.IPFamily
	c.PodCIDR, c.ServiceCIDR, c.PodCIDR6, c.ServiceCIDR6 = f.PodCIDR, f.ServiceCIDR, f.PodCIDR6, f.ServiceCIDR6
	on.Spec.Addons = f.Addons
	on.setDefaults()
	validate(on, found)
	return on, found.err(found.name)
}

// existing checks the fields of provider existing. The file has no facts about the cluster.
func (v *Validation) existing() {
	c := v.spec.Cluster
	if c == nil {
		return
	}
	const path = "spec.cluster"
	if c.Provider != ProviderExisting {
		for field, value := range map[string]string{"kind": c.Kind, "kubeconfig": c.Kubeconfig} {
			if value != "" {
				v.Add(path+"."+field, "seen %q with provider %s, want provider: existing", value, c.Provider)
			}
		}
		return
	}
	v.ExactlyOne(path, "kind, kubeconfig", c.Kind != "", c.Kubeconfig != "")
	if c.Network != "" {
		v.Network(path+".network", c.Network)
	}
	for _, field := range []string{
		path + ".kubernetes", path + ".controlPlanes", path + ".workers", path + ".kubeProxy", path + ".ipFamily", path + ".podCIDR", path + ".serviceCIDR",
		path + ".podCIDR6", path + ".serviceCIDR6", path + ".apiEndpoint", path + ".joinLater", path + ".k3s", path + ".racks", path + ".nodes",
		"spec.addons", "spec.manifests",
	} {
		if _, written := v.found.lines[field]; written {
			v.Add(field, "seen a value with provider existing, want it left out: the cluster stays as it is")
		}
	}
	for i, n := range v.spec.Networks {
		at := fmt.Sprintf("spec.networks[%d]", i)
		if n.Name != c.Network {
			continue
		}
		for field, set := range map[string]bool{"ipv6": n.IPv6 != nil, "masquerade": n.Masquerade, "mtu": n.MTU != 0, "snooping": n.Snooping != nil, "querier": n.Querier} {
			if set {
				v.Add(at+"."+field, "seen a setting of the nodes' own network, want it left out: the network stays as it is")
			}
		}
	}
}
