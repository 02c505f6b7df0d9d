// Package plan turns a scenario into the plan of a lab: every name, address, image, configuration value and step. The
// plan is pure data for printing, diffs and golden files.
package plan

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// Host is the plan's input about the machine. The caller reads the host first, because Make is pure.
type Host struct {
	// Taken are the prefixes in use: host routes and the engine's other networks.
	Taken []netip.Prefix `json:"taken,omitempty"`
	// CgroupV1 reports whether the host runs cgroup v1 (or hybrid). kubelet 1.35 and later need a setting for cgroup v1.
	CgroupV1 bool `json:"cgroupV1,omitempty"`
	// NoSysResource reports whether CAP_SYS_RESOURCE cannot be granted to containers.
	NoSysResource bool `json:"noSysResource,omitempty"`
	// Memory is the available memory of the engine's machine, in bytes; 0 if unknown.
	Memory int64 `json:"memory,omitempty"`
	// Found is the cluster that runs before the lab, for provider existing.
	Found *Found `json:"found,omitempty"`
	// Without are the names of the levers that are off.
	Without []string `json:"without,omitempty"`
}

// Plan describes a lab completely.
type Plan struct {
	Lab      string             `json:"lab"`
	Scenario *scenario.Scenario `json:"scenario"` // with defaults filled in
	// Hash covers all other fields of the plan: two plans with equal hashes make the same lab.
	Hash     string    `json:"hash"`
	Networks []Network `json:"networks"`
	Cluster  *Cluster  `json:"cluster,omitempty"`
	// Found is the cluster that ran before the lab.
	Found      *Found      `json:"found,omitempty"`
	Routers    []Router    `json:"routers,omitempty"`
	Gateways   []Gateway   `json:"gateways,omitempty"`
	Clients    []Client    `json:"clients,omitempty"`
	Containers []Container `json:"containers,omitempty"`
	Addons     []Addon     `json:"addons,omitempty"`
	Workloads  []Workload  `json:"workloads,omitempty"`
	// Manifests are the scenario's own objects, as an addon that comes last.
	Manifests *Addon  `json:"manifests,omitempty"`
	Kernel    []Need  `json:"kernel,omitempty"` // options that the kernel must have
	Images    []Image `json:"images"`           // images that the engine needs before any start
	// Parts are the optional parts of the lab.
	Parts []Part `json:"parts,omitempty"`
	Steps []Step `json:"steps"`
	// Without are the names of the levers that are off.
	Without []string `json:"without,omitempty"`
}

// Network is one bridge, or without a bridge a point-to-point link or a VLAN.
type Network struct {
	Name   string       `json:"name"`   // as in the scenario: fabric
	Docker string       `json:"docker"` // the engine's name: skidpad-<lab>-fabric
	Bridge string       `json:"bridge"` // the host's interface name, at most 15 characters
	Subnet netip.Prefix `json:"subnet"`
	Host   netip.Addr   `json:"host"`  // the bridge's own address
	Nodes  netip.Prefix `json:"nodes"` // the engine's range for the addresses of cluster nodes
	// Subnet6, Host6 and Nodes6 are the IPv6 counterparts, in a lab with IPv6.
	Subnet6 netip.Prefix `json:"subnet6,omitzero"`
	Host6   netip.Addr   `json:"host6,omitzero"`
	Nodes6  netip.Prefix `json:"nodes6,omitzero"`
	// Masquerade lets the host rewrite the source of packets that leave the network.
	Masquerade bool `json:"masquerade,omitempty"`
	// Foreign marks a network that the lab neither makes nor removes. The lab's addresses on the network are in Places,
	// and the engine does not know the addresses.
	Foreign bool         `json:"foreign,omitempty"`
	Places  netip.Prefix `json:"places,omitzero"`
	// Segment has the settings of the link layer. A network without a bridge has no engine's name, host or nodes.
	scenario.Segment
}

// Attachment is a container's place on a network. The interface inside has the network's name.
type Attachment struct {
	Network string     `json:"network"` // the scenario's name
	Address netip.Addr `json:"address"`
	Bits    int        `json:"bits"`
	// Address6 is the IPv6 address, with a /64 prefix, in a lab with IPv6.
	Address6 netip.Addr `json:"address6,omitzero"`
	// Bits6 is the length of the IPv6 prefix; 0 means 64.
	Bits6 int `json:"bits6,omitempty"`
	// Link marks an interface that skidpad makes, not the engine.
	Link bool `json:"link,omitempty"`
	// VLAN is the VLAN identifier of a VLAN sub-interface.
	VLAN int `json:"vlan,omitempty"`
	// BondLinks are the names of the interfaces of a bond's links.
	BondLinks []string `json:"bondLinks,omitempty"`
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
	// PodCIDR and ServiceCIDR are the IPv4 prefixes, in a cluster with IPv4.
	PodCIDR     netip.Prefix `json:"podCIDR"`
	ServiceCIDR netip.Prefix `json:"serviceCIDR"`
	// Routes are the additional routes of every node, to the networks beyond the routers.
	Routes []Route `json:"routes,omitempty"`
	// APIEndpoint is the address of the API; nil: the address of the only API server.
	APIEndpoint *APIEndpoint `json:"apiEndpoint,omitempty"`
	// Mounts are file systems that every node has from its start.
	Mounts []Mount `json:"mounts,omitempty"`
}

// Mount is a file system without a source, for which the type is enough, or a volume of the engine.
type Mount struct {
	Where string `json:"where"`
	Type  string `json:"type,omitempty"` // bpf, cgroup2
	// Volume is the name of a volume. All nodes of all labs share the volume, and no lab removes the volume.
	Volume string `json:"volume,omitempty"`
}

// Node is a cluster node.
type Node struct {
	Name         string `json:"name"`  // the provider's and Kubernetes' name: skidpad-<lab>-worker2
	Short        string `json:"short"` // as in the scenario: worker2
	ControlPlane bool   `json:"controlPlane,omitempty"`
	Later        bool   `json:"later,omitempty"` // the node is made and joins on command
	// Address and Args are for provider k3s. kind chooses addresses and commands itself.
	Address netip.Addr `json:"address,omitzero"`
	Args    []string   `json:"args,omitempty"`
	// Network is the scenario's name of the rack's network; empty means the cluster's network.
	Network string `json:"network,omitempty"`
	// Routes are the node's routes besides the routes of all nodes: the default route via the rack's router.
	Routes []Route `json:"routes,omitempty"`
	// Further are the node's places on further networks. Loopbacks, Static and Rules come from the scenario.
	Further   []Attachment   `json:"further,omitempty"`
	Loopbacks []netip.Prefix `json:"loopbacks,omitempty"`
	Static    []StaticRoute  `json:"static,omitempty"`
	Rules     []Rule         `json:"rules,omitempty"`
	// Remote marks a node that is no container of the engine: only the API reaches the node.
	Remote bool `json:"remote,omitempty"`
}

// HomeOf returns the name of a cluster node's network.
func (c *Cluster) HomeOf(n Node) string { return cmp.Or(n.Network, c.Network) }

// RoutesOf returns all routes of a cluster node besides the route of the node's own network.
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
	Loopbacks []netip.Prefix    `json:"loopbacks,omitempty"` // addresses on lo, /32 or /128
	Routes    []StaticRoute     `json:"routes,omitempty"`
	BGP       *Speaker          `json:"bgp,omitempty"`
	OSPF      *OSPF             `json:"ospf,omitempty"`
	Native    *Native           `json:"native,omitempty"`
}

// Speaks reports whether a router may speak BGP, by the plan or by native configuration.
func (r Router) Speaks() bool { return r.BGP != nil || r.Native.Configures() }

// Speaker is a router's BGP configuration with all addresses.
type Speaker struct {
	ASN             uint32        `json:"asn"`
	RouterID        netip.Addr    `json:"routerID"`
	HoldTime        time.Duration `json:"holdTime"`
	Keepalive       time.Duration `json:"keepalive"`
	GracefulRestart bool          `json:"gracefulRestart,omitempty"`
	MaximumPaths    int           `json:"maximumPaths"`
	// Announce lists the prefixes of the router's own links that the router advertises to peers.
	Announce  []netip.Prefix `json:"announce,omitempty"`
	Neighbors []Neighbor     `json:"neighbors,omitempty"`
	// Ranges accept sessions that nodes open (FRR: bgp listen range).
	Ranges []Range `json:"ranges,omitempty"`
	Port   int     `json:"port,omitempty"` // the TCP port of the speaker; 0 is 179
	// Static lists the prefixes of static routes that the router advertises. The kernel has a route to each.
	Static     []netip.Prefix       `json:"static,omitempty"`
	Aggregates []scenario.Aggregate `json:"aggregates,omitempty"`
	Table      *scenario.Table      `json:"table,omitempty"`
}

// Neighbor is a peer with a known address.
type Neighbor struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	ASN     uint32     `json:"asn"`
	// Interface is the router's interface of an unnumbered session. Address is then the peer's link-local address there.
	Interface string `json:"interface,omitempty"`
	Peering
}

// Range is a prefix from which peers of one ASN may open sessions.
type Range struct {
	Name   string       `json:"name"` // peer group: nodes
	Prefix netip.Prefix `json:"prefix"`
	ASN    uint32       `json:"asn"`
	// Sessions is the expected number of peers.
	Sessions int `json:"sessions"`
	Peering
}

// Gateway is a guarded address on each of the gateway's networks: one VRRP router per member and network.
type Gateway struct {
	Name           string         `json:"name"`
	Image          Image          `json:"image"`
	AdvertInterval time.Duration  `json:"advertInterval"`
	VRID           int            `json:"vrid"` // 1 to 255; one VRID per gateway, the same on each network
	Addresses      []Attachment   `json:"addresses"`
	Members        []GatewayGuard `json:"members"`
	scenario.GatewayOptions
}

// GatewayGuard is a member of a gateway: keepalived in the network namespace of a router or a cluster node.
type GatewayGuard struct {
	Router    string `json:"router"`    // the router or the node, as in the scenario
	Container string `json:"container"` // skidpad-<lab>-r1-gw
	Priority  int    `json:"priority"`  // 1 to 254, the highest is master
	// TrackBGP releases the address when the router's FIB holds no IPv4 route learned by BGP. TrackBGP6 does the same for
	// IPv6.
	TrackBGP  bool `json:"trackBGP,omitempty"`
	TrackBGP6 bool `json:"trackBGP6,omitempty"`
	// Home is a node's own network, on which the node's interface is NodeDevice; "" for a router.
	Home string `json:"home,omitempty"`
}

// DeviceOn returns the member's interface with the gateway's address of an index.
func (m GatewayGuard) DeviceOn(g Gateway, i int) string {
	if network := g.Addresses[i].Network; network != m.Home {
		return network
	}
	return NodeDevice
}

// Client is a host beyond the routers.
type Client struct {
	Name      string     `json:"name"`
	Container string     `json:"container"`
	Image     Image      `json:"image"`
	Network   Attachment `json:"network"`
	// Further are the client's places on further networks.
	Further []Attachment `json:"further,omitempty"`
	// Routes are static routes besides the default route.
	Routes []StaticRoute `json:"routes,omitempty"`
	// Via is the next hop of the client's default route; invalid without a default route.
	Via  netip.Addr `json:"via,omitzero"`
	Via6 netip.Addr `json:"via6,omitzero"`
	// Echo lets the client answer probes on EchoPort.
	Echo bool `json:"echo,omitempty"`
	// OnLink are foreign prefixes that the client reaches on the client's segment by ARP: the nodes announce these prefixes
	// there.
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
	// DualStack gives the service an address of each IP family. Pods always have both.
	DualStack bool `json:"dualStack,omitempty"`
}

// Ports are the ports of an echo program.
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
	Version string `json:"version,omitempty"` // version of the main part; "" is the catalogue's own
	// Reference marks an image that is in no catalogue: the name is a reference.
	Reference bool `json:"reference,omitempty"`
	// At is the place of a reference in the user's file, for errors: scenario.yaml:12. A lab's record has no such places.
	At string `json:"-"`
	// Preload are the images that a node image holds, unpacked, before the cluster starts.
	Preload []Image `json:"preload,omitempty"`
}

// Key identifies an image in a plan: name, or name@version.
func (i Image) Key() string {
	if i.Version == "" {
		return i.Name
	}
	return i.Name + "@" + i.Version
}

// Step is a step of the bring-up. The steps stand in the order of possible starts.
type Step struct {
	Name  string   `json:"name"`
	After []string `json:"after,omitempty"` // steps that must have ended
	What  string   `json:"what"`            // one line for people
}
