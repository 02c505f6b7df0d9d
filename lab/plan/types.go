// Package plan turns a scenario into what will be made: every name, address, image, configuration
// value and step, as pure data that prints, diffs and stands in golden files.
package plan

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// Host is what the plan must know of the machine. It is read before, so that Make stays pure.
type Host struct {
	// Taken are the prefixes in use: host routes and the engine's other networks.
	Taken []netip.Prefix `json:"taken,omitempty"`
	// CgroupV1 reports whether the host runs cgroup v1 (or hybrid), which kubelet 1.35+ must be told.
	CgroupV1 bool `json:"cgroupV1,omitempty"`
	// NoSysResource reports whether CAP_SYS_RESOURCE cannot be granted to containers.
	NoSysResource bool `json:"noSysResource,omitempty"`
}

// Plan is what will be made.
type Plan struct {
	Lab      string             `json:"lab"`
	Scenario *scenario.Scenario `json:"scenario"` // with defaults filled in
	// Hash is of everything else in the plan: two plans with one hash make the same lab.
	Hash      string     `json:"hash"`
	Networks  []Network  `json:"networks"`
	Cluster   *Cluster   `json:"cluster,omitempty"`
	Routers   []Router   `json:"routers,omitempty"`
	Gateways  []Gateway  `json:"gateways,omitempty"`
	Clients   []Client   `json:"clients,omitempty"`
	Addons    []Addon    `json:"addons,omitempty"`
	Workloads []Workload `json:"workloads,omitempty"`
	Kernel    []Need     `json:"kernel,omitempty"` // options that the kernel must have
	Images    []Image    `json:"images"`           // what the engine must have before anything starts
	// Parts are what the lab can do without.
	Parts []Part `json:"parts,omitempty"`
	Steps []Step `json:"steps"`
}

// Network is one bridge.
type Network struct {
	Name   string       `json:"name"`   // as in the scenario: fabric
	Docker string       `json:"docker"` // the engine's name: skidpad-<lab>-fabric
	Bridge string       `json:"bridge"` // the host's interface name, at most 15 characters
	Subnet netip.Prefix `json:"subnet"`
	Host   netip.Addr   `json:"host"`  // the bridge's own address
	Nodes  netip.Prefix `json:"nodes"` // what the engine hands out: cluster nodes get theirs from here
	// The same of IPv6, in a lab that has it.
	Subnet6 netip.Prefix `json:"subnet6,omitzero"`
	Host6   netip.Addr   `json:"host6,omitzero"`
	Nodes6  netip.Prefix `json:"nodes6,omitzero"`
	// Masquerade has the host rewrite the source of what leaves the network.
	Masquerade bool `json:"masquerade,omitempty"`
}

// Attachment is a container's place on a network. The interface inside is named for the network.
type Attachment struct {
	Network string     `json:"network"` // the scenario's name
	Address netip.Addr `json:"address"`
	Bits    int        `json:"bits"`
	// Address6 is its IPv6 address, in a lab that has IPv6; its prefix is a /64.
	Address6 netip.Addr `json:"address6,omitzero"`
}

// Cluster is the Kubernetes cluster.
type Cluster struct {
	Name       string            `json:"name"` // kind's name: skidpad-<lab>
	Provider   scenario.Provider `json:"provider"`
	Network    string            `json:"network"` // the scenario's name
	Image      Image             `json:"image"`
	KindConfig string            `json:"kindConfig,omitempty"` // v1alpha4 YAML
	K3s        *K3s              `json:"k3s,omitempty"`
	Nodes      []Node            `json:"nodes"`
	// PodCIDR and ServiceCIDR are of IPv4 where the cluster has that.
	PodCIDR     netip.Prefix `json:"podCIDR"`
	ServiceCIDR netip.Prefix `json:"serviceCIDR"`
	// Routes are what every node has besides its own: to the networks beyond the routers.
	Routes []Route `json:"routes,omitempty"`
	// APIEndpoint is how the API is reached; nil: at the only API server itself.
	APIEndpoint *APIEndpoint `json:"apiEndpoint,omitempty"`
	// Mounts are file systems that every node has from its start.
	Mounts []Mount `json:"mounts,omitempty"`
}

// Mount is a file system that is mounted from nothing but its type.
type Mount struct {
	Where string `json:"where"`
	Type  string `json:"type"` // bpf, cgroup2
}

// Node is a cluster node.
type Node struct {
	Name         string `json:"name"`  // the provider's and Kubernetes' name: skidpad-<lab>-worker2
	Short        string `json:"short"` // as in the scenario: worker2
	ControlPlane bool   `json:"controlPlane,omitempty"`
	Later        bool   `json:"later,omitempty"` // it is made and joins when it is told to
	// Address and Args are of provider k3s: kind gives its nodes addresses and commands of its own.
	Address netip.Addr `json:"address,omitzero"`
	Args    []string   `json:"args,omitempty"`
	// Network is the scenario's name of the network of its rack; empty means the cluster's.
	Network string `json:"network,omitempty"`
	// Routes are what it has besides those of all nodes: the default route by its rack's router.
	Routes []Route `json:"routes,omitempty"`
}

// HomeOf names the network that a cluster node is on.
func (c *Cluster) HomeOf(n Node) string { return cmp.Or(n.Network, c.Network) }

// RoutesOf are all routes of a cluster node besides its own network's.
func (c *Cluster) RoutesOf(n Node) []Route { return slices.Concat(c.Routes, n.Routes) }

// Route is a static route.
type Route struct {
	To  netip.Prefix `json:"to"`
	Via netip.Addr   `json:"via"`
}

// Router is a router in a container.
type Router struct {
	Name      string            `json:"name"`      // as in the scenario: r1
	Container string            `json:"container"` // skidpad-<lab>-r1
	Software  scenario.Software `json:"software"`
	Image     Image             `json:"image"`
	Networks  []Attachment      `json:"networks"`
	BGP       *Speaker          `json:"bgp,omitempty"`
}

// Speaker is a router's BGP configuration, with every address known.
type Speaker struct {
	ASN             uint32        `json:"asn"`
	RouterID        netip.Addr    `json:"routerID"`
	HoldTime        time.Duration `json:"holdTime"`
	Keepalive       time.Duration `json:"keepalive"`
	GracefulRestart bool          `json:"gracefulRestart,omitempty"`
	MaximumPaths    int           `json:"maximumPaths"`
	// Announce are prefixes of the router's own links that it tells its peers of.
	Announce  []netip.Prefix `json:"announce,omitempty"`
	Neighbors []Neighbor     `json:"neighbors,omitempty"`
	// Ranges accept sessions that nodes open (FRR: bgp listen range).
	Ranges []Range `json:"ranges,omitempty"`
}

// Neighbor is a peer with a known address.
type Neighbor struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"` // IPv4 routes go over an IPv4 session, IPv6 routes over an IPv6 one
	ASN     uint32     `json:"asn"`
	Peering
}

// Range is a prefix from which peers of one ASN may open sessions.
type Range struct {
	Name   string       `json:"name"` // peer group: nodes
	Prefix netip.Prefix `json:"prefix"`
	ASN    uint32       `json:"asn"`
	// Sessions is how many peers are to be there.
	Sessions int `json:"sessions"`
	Peering
}

// Gateway is a guarded address on each of its networks: one VRRP router per member and network.
type Gateway struct {
	Name           string         `json:"name"`
	Image          Image          `json:"image"`
	AdvertInterval time.Duration  `json:"advertInterval"`
	VRID           int            `json:"vrid"` // 1 to 255; one per gateway, the same on each network
	Addresses      []Attachment   `json:"addresses"`
	Members        []GatewayGuard `json:"members"`
}

// GatewayGuard is one member of a gateway: keepalived in the network namespace of its router.
type GatewayGuard struct {
	Router    string `json:"router"`
	Container string `json:"container"` // skidpad-<lab>-r1-gw
	Priority  int    `json:"priority"`  // 1 to 254, the highest is master
	// TrackBGP gives the address up when the router's FIB holds no route learned by BGP; TrackBGP6 the same of IPv6 routes.
	TrackBGP  bool `json:"trackBGP,omitempty"`
	TrackBGP6 bool `json:"trackBGP6,omitempty"`
}

// Client is a host beyond the routers.
type Client struct {
	Name      string     `json:"name"`
	Container string     `json:"container"`
	Image     Image      `json:"image"`
	Network   Attachment `json:"network"`
	// Via is the next hop of its default route, if it has one.
	Via  netip.Addr `json:"via,omitzero"`
	Via6 netip.Addr `json:"via6,omitzero"`
	// Echo has it answer probes on EchoPort.
	Echo bool `json:"echo,omitempty"`
	// OnLink are prefixes beyond its own that it finds on its segment, by ARP: what nodes announce there.
	OnLink []netip.Prefix `json:"onLink,omitempty"`
}

// Workload is a deployment with its service.
type Workload struct {
	Name      string  `json:"name"`
	Namespace string  `json:"namespace"`
	Replicas  int     `json:"replicas"`
	Image     Image   `json:"image"`
	Ports     Ports   `json:"ports"`
	Service   Service `json:"service"`
	// DualStack has its service take an address of each family; pods have both by themselves.
	DualStack bool `json:"dualStack,omitempty"`
}

// Ports are where an echo answers.
type Ports struct {
	HTTP int `json:"http"` // also plain TCP connects
	UDP  int `json:"udp"`
}

// Service is a workload's Service object.
type Service struct {
	Name string `json:"name"`
	scenario.Service
}

// Image names an image of the catalogue.
type Image struct {
	Name    string `json:"name"`              // node, cilium, cilium-operator, echo, frr, keepalived, client
	Version string `json:"version,omitempty"` // of its main part; "" is the catalogue's own
	// Preload are the images that a node image holds, unpacked, before the cluster starts.
	Preload []Image `json:"preload,omitempty"`
}

// Key identifies an image within a plan: name, or name@version.
func (i Image) Key() string {
	if i.Version == "" {
		return i.Name
	}
	return i.Name + "@" + i.Version
}

// Step is one step of the bring-up, in the order in which it may start.
type Step struct {
	Name  string   `json:"name"`
	After []string `json:"after,omitempty"` // steps that must have ended
	What  string   `json:"what"`            // one line for people
}
