// Package cilium is the addon cilium.
package cilium

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is Cilium, installed by its Helm chart.
type Addon struct {
	Version string         `json:"version,omitempty" jsonschema:"example=1.19.5"` // a release, or the folder of a checkout; default 1.19.5
	Chart   string         `json:"chart,omitempty"`                               // a folder or archive; default: the module cache's, else the Helm repository's
	Values  map[string]any `json:"values,omitempty"`                              // over the values that the plan computes
	BGP     *BGP           `json:"bgp,omitempty"`
	L2      *L2            `json:"l2,omitempty"`
	Hubble  *Hubble        `json:"hubble,omitempty"`
	// LoadBalancerPools are the pools of LoadBalancer addresses; default 198.51.100.0/24 with IPv4 and 2001:db8:198:51::/112
	// with IPv6, or none if another addon gives the addresses.
	LoadBalancerPools []scenario.Pool `json:"loadBalancerPools,omitempty"`
	// PodPools are pools of pod addresses (ipam.mode multi-pool), 1.16.0 or newer; default: a part of the cluster's podCIDR for
	// each node. The pool default is for pods that no other pool selects.
	PodPools []PodPool `json:"podPools,omitempty"`
}

// PodPool is a pool of pod addresses (CiliumPodIPPool). Nodes take prefixes from the pool when pods need addresses.
type PodPool struct {
	Name string       `json:"name"`
	CIDR netip.Prefix `json:"cidr" jsonschema:"example=10.244.64.0/18"` // inside the cluster's podCIDR
	// MaskSize is the length of a node's prefixes, from the CIDR's length to 28; default 24.
	MaskSize int `json:"maskSize,omitempty" jsonschema:"minimum=9,maximum=28"`
	// PodSelector selects the pods by labels; the pods of a workload have app.kubernetes.io/name. The pool default has none.
	// 1.18.0 or newer.
	PodSelector map[string]string `json:"podSelector,omitempty"`
	// Labels are for the selectors of announcements.
	Labels map[string]string `json:"labels,omitempty"`
}

// defaultPool is the pool for pods that no other pool selects.
const defaultPool = "default"

// BGP configures Cilium's BGP control plane on every node.
type BGP struct {
	// ASN and Peers are of the nodes outside of all instances.
	ASN             uint32                  `json:"asn,omitempty" jsonschema:"minimum=1,maximum=4294967295"`
	Peers           []scenario.NodePeer     `json:"peers,omitempty"`
	Advertise       []scenario.Announcement `json:"advertise,omitempty"`       // default: all kinds, without selection
	HoldTime        scenario.Duration       `json:"holdTime,omitempty"`        // default 9 s
	GracefulRestart bool                    `json:"gracefulRestart,omitempty"` // default false
	// Instances are speakers of some nodes, with an ASN and peers of their own.
	Instances []scenario.NodeInstance `json:"instances,omitempty"`
}

// L2 configures Cilium's L2 announcements.
type L2 struct {
	LeaseDuration      scenario.Duration `json:"leaseDuration,omitempty"`      // default 15 s
	LeaseRenewDeadline scenario.Duration `json:"leaseRenewDeadline,omitempty"` // default 5 s
	LeaseRetryPeriod   scenario.Duration `json:"leaseRetryPeriod,omitempty"`   // default 2 s
	// Nodes are the announcing nodes: workers (the default if there are workers), controlPlanes or all.
	Nodes string `json:"nodes,omitempty" jsonschema:"enum=workers,enum=controlPlanes,enum=all"`
	// Interfaces are the interfaces that announce, each a regular expression; default ^eth[0-9]+$.
	Interfaces []string `json:"interfaces,omitempty"`
	// ServiceSelector selects the announced Services by labels; default: every Service.
	ServiceSelector map[string]string `json:"serviceSelector,omitempty"`
}

// Hubble has Cilium's agents report the flows that they see (https://docs.cilium.io, Observability).
type Hubble struct {
	Relay bool `json:"relay,omitempty"` // one API for the flows of all nodes; default false
	UI    bool `json:"ui,omitempty"`    // a page that draws the flows; needs relay; default false
}

// DefaultVersion is the release of a scenario without a version.
const DefaultVersion = "1.19.5"

var (
	_ addon.Announcer       = (*Addon)(nil)
	_ addon.Leaser          = (*Addon)(nil)
	_ addon.Imager          = (*Addon)(nil)
	_ scenario.Pooler       = (*Addon)(nil)
	_ scenario.NodeSpeaking = (*Addon)(nil)
	_ scenario.ServiceProxy = (*Addon)(nil)
)

// SetDefaults fills in the fields that the file leaves out.
func (c *Addon) SetDefaults(s *scenario.Spec) {
	scenario.Or(&c.Version, DefaultVersion)
	if c.LoadBalancerPools == nil && !s.OtherGives(c) {
		c.LoadBalancerPools = s.DefaultPools()
	}
	for i := range c.PodPools {
		scenario.Or(&c.PodPools[i].MaskSize, 24)
	}
	if b := c.BGP; b != nil {
		scenario.Or(&b.HoldTime, scenario.DefaultHoldTime)
		if b.Advertise == nil {
			b.Advertise = scenario.AllAdvertisements()
			if c.PodPools != nil { // Cilium announces no podCIDR then
				b.Advertise[0].Kind = scenario.AdvertisePodPool
			}
		}
	}
	if c.L2 != nil {
		c.L2.setDefaults()
	}
}

// setDefaults fills in the chart's own defaults.
func (l *L2) setDefaults() {
	scenario.Or(&l.LeaseDuration, scenario.Duration(15*time.Second))
	scenario.Or(&l.LeaseRenewDeadline, scenario.Duration(5*time.Second))
	scenario.Or(&l.LeaseRetryPeriod, scenario.Duration(2*time.Second))
}

// Roles returns the work of the addon in the cluster.
func (c *Addon) Roles() []scenario.Role {
	roles := []scenario.Role{scenario.RoleCNI}
	if c.BGP != nil {
		roles = append(roles, scenario.RoleBGP)
	}
	if len(c.LoadBalancerPools) > 0 {
		roles = append(roles, scenario.RoleLoadBalancer)
	}
	return roles
}

// AddressPools returns the pools of LoadBalancer addresses.
func (c *Addon) AddressPools() (string, []scenario.Pool) {
	return "loadBalancerPools", c.LoadBalancerPools
}

// NodeSpeaker returns the BGP control plane.
func (c *Addon) NodeSpeaker() *scenario.NodeSpeaker {
	if c.BGP == nil {
		return nil
	}
	return &scenario.NodeSpeaker{
		Path: "bgp", ASN: c.BGP.ASN, Peers: c.BGP.Peers, Instances: c.BGP.Instances, Can: abilities,
		GracefulRestart: &c.BGP.GracefulRestart, HoldTime: c.BGP.HoldTime, Racks: true, Process: "cilium-agent",
	}
}

// abilities are the settings of the BGP control plane.
const abilities = scenario.NodePassword | scenario.NodeSelection | scenario.NodeFamilies | scenario.NodeMultihop | scenario.NodePort |
	scenario.NodeSource | scenario.NodeTiming | scenario.NodeRestarting | scenario.NodeAdvertising | scenario.NodeDiscovery |
	scenario.NodeAddress | scenario.NodeAttributes | scenario.NodeServices | scenario.NodeAggregation |
	scenario.NodePodPools

// ProxiesServices reports that Cilium replaces kube-proxy in a cluster without kube-proxy.
func (c *Addon) ProxiesServices(beside scenario.KubeProxy) (bool, string) {
	return beside == scenario.KubeProxyNone, ""
}

// ReportsFlows reports whether Hubble's relay runs.
func (c *Addon) ReportsFlows() bool { return c.Hubble != nil && c.Hubble.Relay }

// ListsServices reports that the agents list the Services, unless kube-proxy does the agents' work.
func (c *Addon) ListsServices(beside scenario.KubeProxy) bool {
	return beside == scenario.KubeProxyNone
}

var versionForm = regexp.MustCompile(`^1\.[0-9]+\.[0-9]+$`)

// Validate checks the fields.
func (c *Addon) Validate(v *scenario.Validation, path string) {
	s := v.Spec()
	c.validateVersion(v, path+".version")
	if !s.OtherGives(c) {
		v.NotEmpty(path+".loadBalancerPools", len(c.LoadBalancerPools))
	}
	v.LoadBalancerPools(path+".loadBalancerPools", c.LoadBalancerPools)
	c.validatePodPools(v, path+".podPools")
	if b := c.BGP; b != nil {
		v.Speaks(path+".bgp", c.NodeSpeaker())
		v.Advertised(path+".bgp.advertise", b.Advertise, abilities)
		c.validateAnnounced(v, path+".bgp.advertise", b.Advertise)
		c.validateReleased(v, path+".bgp")
	}
	if c.L2 != nil {
		c.L2.validate(v, path+".l2")
		if s.Cluster != nil && len(s.Cluster.Racks) > 0 {
			v.NotYet(path+".l2", "l2 with racks", "bgp alone")
		}
	}
	c.validateProxy(v, path)
	if h := c.Hubble; h != nil && h.UI && !h.Relay {
		v.Add(path+".hubble.ui", "seen true without relay, want relay: true, which the UI asks")
	}
}

// validateProxy checks the settings that depend on the proxy of Services: the cluster's kube-proxy decides, and the agents
// answer ARP and NDP for the addresses of Services only as that proxy (docs.cilium.io, L2 Announcements, Prerequisites).
func (c *Addon) validateProxy(v *scenario.Validation, path string) {
	k := v.Spec().Cluster
	if k == nil {
		return
	}
	replaced, _ := c.ProxiesServices(k.KubeProxy)
	if set, ok := c.Values["kubeProxyReplacement"]; ok && fmt.Sprint(set) != fmt.Sprint(replaced) {
		v.Add(path+".values.kubeProxyReplacement", "seen %v with spec.cluster.kubeProxy %s, want %v or nothing: kubeProxy decides", set, k.KubeProxy, replaced)
	}
	if c.L2 != nil && !replaced {
		v.Add(path+".l2", "seen it beside kube-proxy (%s), want kubeProxy: none: Cilium answers for addresses of Services only as their proxy", k.KubeProxy)
	}
}

// validateReleased refuses settings of peers that the release lacks.
func (c *Addon) validateReleased(v *scenario.Validation, path string) {
	each := func(at string, peers []scenario.NodePeer) {
		for i, p := range peers {
			c.validateAnnounced(v, fmt.Sprintf("%s.peers[%d].advertise", at, i), p.Advertise)
			if p.AutoDiscovery && c.before(18) {
				v.NotYet(fmt.Sprintf("%s.peers[%d].autoDiscovery", at, i), "it with "+c.Version, "1.18.0 or newer")
			}
			if p.SourceInterface != "" && c.before(19) {
				v.NotYet(fmt.Sprintf("%s.peers[%d].sourceInterface", at, i), "it with "+c.Version, "1.19.0 or newer")
			}
		}
	}
	each(path, c.BGP.Peers)
	for i, in := range c.BGP.Instances {
		each(fmt.Sprintf("%s.instances[%d]", path, i), in.Peers)
	}
}

// validatePodPools checks the pools of pod addresses.
func (c *Addon) validatePodPools(v *scenario.Validation, path string) {
	if c.PodPools == nil {
		return
	}
	k := v.Spec().Cluster
	if c.before(16) || k != nil && k.IPFamily != scenario.IPv4Family {
		v.NotYet(path, "it with "+c.Version+", or with IPv6", "1.16.0 or newer and ipFamily ipv4")
		return
	}
	names := map[string]bool{}
	for i, p := range c.PodPools {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.Label(at+".name", p.Name)
		v.Labels(at+".podSelector", p.PodSelector)
		v.Labels(at+".labels", p.Labels)
		switch {
		case names[p.Name]:
			v.Add(at+".name", "seen %q twice, want another name", p.Name)
		case p.Name == defaultPool && p.PodSelector != nil:
			v.Add(at+".podSelector", "seen it for the pool %s, want none: the pool is for the pods that no other pool selects", defaultPool)
		case p.Name != defaultPool && p.PodSelector == nil:
			v.Add(at+".podSelector", "seen nothing, want labels of pods: the pool %s is for all other pods", defaultPool)
		case p.PodSelector != nil && c.before(18):
			v.NotYet(at+".podSelector", "it with "+c.Version, "1.18.0 or newer")
		}
		names[p.Name] = true
		if k != nil && p.CIDR.IsValid() && (!k.PodCIDR.Contains(p.CIDR.Addr()) || p.CIDR.Bits() < k.PodCIDR.Bits()) {
			v.Add(at+".cidr", "seen %s, want a part of the cluster's podCIDR, %s", p.CIDR, k.PodCIDR)
		}
		if p.CIDR.IsValid() && p.MaskSize < p.CIDR.Bits() {
			v.Add(at+".maskSize", "seen %d, want at least %d, the length of %s", p.MaskSize, p.CIDR.Bits(), p.CIDR)
		}
		if j := slices.IndexFunc(c.PodPools[:i], func(q PodPool) bool { return q.CIDR.Overlaps(p.CIDR) }); j >= 0 {
			v.Add(at+".cidr", "seen %s, which overlaps %s of %s, want separate pools", p.CIDR, c.PodPools[j].CIDR, c.PodPools[j].Name)
		}
	}
	if !names[defaultPool] {
		v.Add(path, "seen no pool named %s, want it for the pods that no other pool selects", defaultPool)
	}
}

// validateAnnounced refuses aggregation lengths that the release lacks, and pods' prefixes that the cluster lacks.
func (c *Addon) validateAnnounced(v *scenario.Validation, path string, all []scenario.Announcement) {
	for i, a := range all {
		if (a.AggregationLength != 0 || a.AggregationLengthV6 != 0) && c.before(18) {
			v.NotYet(fmt.Sprintf("%s[%d]", path, i), "an aggregation length with "+c.Version, "1.18.0 or newer")
		}
		switch {
		case a.Kind == scenario.AdvertisePodPool && c.PodPools == nil:
			v.Add(fmt.Sprintf("%s[%d].kind", path, i), "seen %s without podPools, want podCIDR", a.Kind)
		case a.Kind == scenario.AdvertisePodCIDR && c.PodPools != nil:
			v.Add(fmt.Sprintf("%s[%d].kind", path, i), "seen %s beside podPools, want podPool: Cilium announces no podCIDR then", a.Kind)
		}
	}
}

// validate checks the rules of Kubernetes' leader election for the three times: lease > renew deadline > 1.2 × retry period.
// An agent with other times ends at the start.
func (l *L2) validate(v *scenario.Validation, path string) {
	if l.LeaseDuration <= l.LeaseRenewDeadline {
		v.Add(path+".leaseDuration", "seen %s, want more than leaseRenewDeadline, %s", l.LeaseDuration, l.LeaseRenewDeadline)
	}
	if l.LeaseDuration.Std() < time.Second {
		v.Add(path+".leaseDuration", "seen %s, want at least 1s: leases count whole seconds", l.LeaseDuration)
	}
	if 5*l.LeaseRenewDeadline <= 6*l.LeaseRetryPeriod {
		v.Add(path+".leaseRenewDeadline", "seen %s, want more than 1.2 times leaseRetryPeriod, %s", l.LeaseRenewDeadline, l.LeaseRetryPeriod)
	}
	v.Labels(path+".serviceSelector", l.ServiceSelector)
	for i, pattern := range l.Interfaces {
		if _, err := regexp.Compile(pattern); err != nil {
			v.Add(fmt.Sprintf("%s.interfaces[%d]", path, i), "seen %q, want a regular expression such as ^eth[0-9]+$", pattern)
		}
	}
}

// unavailable lists the releases without an image and without a possible build.
var unavailable = map[string]bool{"1.19.2": true, "1.17.4": true}

func (c *Addon) validateVersion(v *scenario.Validation, path string) {
	switch {
	case c.checkout() != "": // the builder looks at the checkout
	case !versionForm.MatchString(c.Version):
		v.Add(path, "seen %q, want a version such as %s", c.Version, DefaultVersion)
	case unavailable[c.Version]:
		v.Add(path, "seen %s, a version of Cilium that cannot be had, want another release such as %s", c.Version, DefaultVersion)
	case c.before(16) && c.BGP != nil:
		v.NotYet(path, c.Version+" with bgp", "1.16.0 or newer: older releases have another BGP API")
	}
}

// checkout returns the folder of a checkout of Cilium, or "" for a release.
func (c *Addon) checkout() string {
	if strings.Contains(c.Version, "/") {
		return c.Version
	}
	return ""
}

// before reports whether the release is older than the first of a series: 18 stands for 1.18. A checkout counts as new.
func (c *Addon) before(minor int) bool {
	var have int
	_, err := fmt.Sscanf(c.Version, "1.%d", &have)
	return err == nil && have < minor
}
