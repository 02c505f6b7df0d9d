// Package kuberouter is the addon kubeRouter.
package kuberouter

import (
	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is kube-router: routes by BGP, and, if asked for, the pods' network, the Services' proxy (IPVS) and network policies.
type Addon struct {
	Version         string                  `json:"version,omitempty" jsonschema:"example=2.11.1"` // default 2.11.1
	ASN             uint32                  `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers           []scenario.NodePeer     `json:"peers"`
	Advertise       []scenario.Announcement `json:"advertise,omitempty"`       // default all
	HoldTime        scenario.Duration       `json:"holdTime,omitempty"`        // default 9 s
	GracefulRestart bool                    `json:"gracefulRestart,omitempty"` // default false
	// CNI makes it the pods' network, by a bridge on each node; without it another addon is the CNI.
	CNI bool `json:"cni,omitempty"`
	// ServiceProxy makes it the Services' proxy, by IPVS, in place of kube-proxy.
	ServiceProxy bool `json:"serviceProxy,omitempty"`
	Firewall     bool `json:"firewall,omitempty"` // network policies; default false
	// IBGP peers the nodes with each other, in a full mesh; default true.
	IBGP *bool `json:"ibgp,omitempty"`
	// Overlay wraps packets between nodes of different subnets in IPIP; default false.
	Overlay bool `json:"overlay,omitempty"`
}

const defaultVersion = "2.11.1"

var (
	_ addon.Imager          = (*Addon)(nil)
	_ scenario.NodeSpeaking = (*Addon)(nil)
	_ scenario.ServiceProxy = (*Addon)(nil)
)

// Daemons are the programs on the nodes.
func (*Addon) Daemons() []string { return []string{"kube-router"} }

// SetDefaults fills in the fields that the file leaves out.
func (k *Addon) SetDefaults(*scenario.Spec) {
	scenario.Or(&k.Version, defaultVersion)
	scenario.Or(&k.HoldTime, scenario.DefaultHoldTime)
	if k.Advertise == nil {
		k.Advertise = scenario.AllAdvertisements()
	}
	on := true
	scenario.Or(&k.IBGP, &on)
}

// Roles returns the work of the addon in the cluster.
func (k *Addon) Roles() []scenario.Role {
	if k.CNI {
		return []scenario.Role{scenario.RoleCNI, scenario.RoleBGP}
	}
	return []scenario.Role{scenario.RoleBGP}
}

// NodeSpeaker returns kube-router's BGP. A running lab cannot turn graceful restart on or off, because graceful restart is an
// argument of the pods.
func (k *Addon) NodeSpeaker() *scenario.NodeSpeaker {
	return &scenario.NodeSpeaker{ASN: k.ASN, Peers: k.Peers, HoldTime: k.HoldTime}
}

// ProxiesServices reports whether kube-router replaces kube-proxy.
func (k *Addon) ProxiesServices(scenario.KubeProxy) (bool, string) {
	return k.ServiceProxy, "serviceProxy"
}

// Validate checks the fields.
func (k *Addon) Validate(v *scenario.Validation, path string) {
	v.NeedsIPv4(path, "kubeRouter")
	v.Release(path+".version", k.Version, defaultVersion)
	v.Speaks(path, k.NodeSpeaker())
	v.Advertised(path+".advertise", k.Advertise, 0)
	if v.Spec().DualStack() {
		// The plan gives kube-router only IPv4 prefixes. The routers would wait for IPv6 sessions forever.
		v.NotYet(path, "kubeRouter with ipFamily dual", "ipFamily ipv4")
	}
}

// Images returns the catalogue's entries.
func (*Addon) Images() []image.Entry {
	return []image.Entry{image.Published("kube-router", "kube-router", defaultVersion, "cloudnativelabs/kube-router:v", "its repository is no Go module that can be had")}
}
