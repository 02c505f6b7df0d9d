// Package calico is the addon calico.
package calico

import (
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is Calico with BGP between its nodes.
type Addon struct {
	Version string `json:"version,omitempty" jsonschema:"example=3.28.5"` // default 3.28.5
	// Encapsulation of packets between nodes: none (routes alone), ipip, or ipipCrossSubnet. Default none.
	Encapsulation string `json:"encapsulation,omitempty" jsonschema:"enum=none,enum=ipip,enum=ipipCrossSubnet"`
	BGP           *BGP   `json:"bgp,omitempty"` // default: AS 64512, a full mesh, no routers
}

// BGP configures the peers of Calico's nodes.
type BGP struct {
	ASN       uint32                  `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers     []scenario.NodePeer     `json:"peers,omitempty"`
	Advertise []scenario.Announcement `json:"advertise,omitempty"` // default podCIDR, which Calico always announces
	// RouteReflectors are cluster nodes that all others peer with, in place of the full mesh (RFC 4456).
	RouteReflectors []string `json:"routeReflectors,omitempty"`
}

const (
	defaultVersion = "3.28.5"
	defaultASN     = 64512
)

var (
	_ addon.Imager          = (*Addon)(nil)
	_ scenario.NodeSpeaking = (*Addon)(nil)
)

// Daemons are the programs on the nodes.
func (*Addon) Daemons() []string { return []string{"bird"} }

// SetDefaults fills in the fields that the file leaves out.
func (c *Addon) SetDefaults(*scenario.Spec) {
	scenario.Or(&c.Version, defaultVersion)
	scenario.Or(&c.Encapsulation, "none")
	scenario.Or(&c.BGP, &BGP{ASN: defaultASN})
}

// Roles returns the work of the addon in the cluster.
func (*Addon) Roles() []scenario.Role { return []scenario.Role{scenario.RoleCNI, scenario.RoleBGP} }

// NodeSpeaker returns Calico's BIRD. Calico has no switch of graceful restart.
func (c *Addon) NodeSpeaker() *scenario.NodeSpeaker {
	return &scenario.NodeSpeaker{Path: "bgp", ASN: c.BGP.ASN, Peers: c.BGP.Peers, Process: "bird"}
}

// Validate checks the fields.
func (c *Addon) Validate(v *scenario.Validation, path string) {
	v.NeedsIPv4(path, "calico")
	v.Release(path+".version", c.Version, defaultVersion)
	b := c.BGP
	v.NodePeers(path+".bgp", c.NodeSpeaker())
	if b.Advertise != nil {
		v.Advertised(path+".bgp.advertise", b.Advertise, 0)
	}
	v.Repeated(path+".bgp.routeReflectors", b.RouteReflectors)
	known := v.Spec().NodeNames()
	for j, name := range b.RouteReflectors {
		if !slices.Contains(known, name) {
			v.Unknown(fmt.Sprintf("%s.bgp.routeReflectors[%d]", path, j), name, "node", known)
		}
	}
	if len(known) > 0 && len(b.RouteReflectors) == len(known) {
		v.Add(path+".bgp.routeReflectors", "seen every node, %s, want fewer: reflectors are for others", strings.Join(known, ", "))
	}
}

// Images returns the catalogue's entries.
func (*Addon) Images() []image.Entry {
	part := func(part, what string) image.Entry {
		return image.Published("calico-"+part, what, defaultVersion, "calico/"+part+":v", "it needs the module github.com/projectcalico/api, which cannot be had")
	}
	return []image.Entry{
		part("node", "Calico's node agent, with BIRD"),
		part("cni", "Calico's CNI plugin"),
		part("kube-controllers", "Calico's controllers"),
	}
}
