// Package scenario has the types of a scenario file, the defaults, and the validation. The validation reports every mistake of
// a file at once, with path and line.
package scenario

import (
	"io/fs"
	"net/netip"
)

// APIVersion and Kind are the required values of the fields apiVersion and kind.
const (
	APIVersion = "skidpad.dev/v1alpha1"
	Kind       = "Scenario"
)

// Scenario is a scenario file, decoded, with defaults filled in.
type Scenario struct {
	APIVersion string   `json:"apiVersion" jsonschema:"enum=skidpad.dev/v1alpha1"`
	Kind       string   `json:"kind" jsonschema:"enum=Scenario"`
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`
	// Bug makes the scenario the reproduction of a bug; see skidpad repro.
	Bug *Bug `json:"bug,omitempty"`

	kinds  Kinds     // the members that the file may name; the halves of a bug use the same members
	folder fs.FS     // the files beside the scenario; nil without a folder
	form   *problems // the lines of the file; nil for a scenario from JSON
}

// Metadata names a scenario. Labels are free; listings show the labels `origin` and `cni`.
type Metadata struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

// Spec describes the lab of the scenario.
type Spec struct {
	Networks []Network `json:"networks"`
	Cluster  *Cluster  `json:"cluster,omitempty"`
	Routers  []Router  `json:"routers,omitempty"`
	Gateways []Gateway `json:"gateways,omitempty"`
	Clients  []Client  `json:"clients,omitempty"`
	// Containers are containers of any image beside the routers.
	Containers []Container `json:"containers,omitempty"`
	Addons     []Addon     `json:"addons,omitempty"`
	Workloads  []Workload  `json:"workloads,omitempty"`
	// Manifests are Kubernetes objects of one's own, applied in order after the addons and the workloads.
	Manifests []Manifest `json:"manifests,omitempty"`
	Checks    []Check    `json:"checks,omitempty"`
}

// Network is one L2 segment: a Linux bridge of its own, or a point-to-point link.
type Network struct {
	Name string `json:"name"`
	// IPv4 is the segment's prefix (/16 to /24). Unset, the lab takes a free /24 of the pool.
	IPv4 *netip.Prefix `json:"ipv4,omitempty"`
	// IPv6 is the segment's second prefix (a /64). Unset, a lab with IPv6 takes a free /64.
	IPv6 *netip.Prefix `json:"ipv6,omitempty" jsonschema:"example=2001:db8:0:1::/64"`
	// Masquerade lets the host replace the source address of packets that leave the network with the host's own address, as
	// container engines usually do; default false. If bridged packets pass the host's firewall
	// (net.bridge.bridge-nf-call-iptables), masquerading also rewrites packets to other networks of the lab, and DSR breaks.
	Masquerade bool `json:"masquerade,omitempty"`
	Segment
}

// Provider makes clusters.
type Provider string

// The cluster providers.
const (
	ProviderKind Provider = "kind"
	ProviderK3s  Provider = "k3s"
	// ProviderExisting is a cluster that runs before the lab, and stays.
	ProviderExisting Provider = "existing"
)

// KubeProxy is the mode of the kube-proxy that a cluster runs.
type KubeProxy string

// The kube-proxy modes; `none` leaves services to the CNI.
const (
	KubeProxyNone     KubeProxy = "none"
	KubeProxyIPTables KubeProxy = "iptables"
	KubeProxyIPVS     KubeProxy = "ipvs"
	KubeProxyNFTables KubeProxy = "nftables"
)

// IPFamily lists the address families of pods and services in a cluster.
type IPFamily string

// The IP families.
const (
	IPv4Family IPFamily = "ipv4"
	IPv6Family IPFamily = "ipv6"
	DualFamily IPFamily = "dual"
)

// Cluster is the Kubernetes cluster.
type Cluster struct {
	Provider Provider `json:"provider,omitempty"` // default kind
	// Kind is the name of a running cluster of kind, for provider existing.
	Kind string `json:"kind,omitempty" jsonschema:"example=kind"`
	// Kubeconfig is the path of the kubeconfig file of a running cluster, for provider existing. The current context counts.
	Kubeconfig    string       `json:"kubeconfig,omitempty" jsonschema:"example=/home/me/.kube/config"`
	Kubernetes    string       `json:"kubernetes,omitempty" jsonschema:"example=v1.36,example=v1.36.3"` // v1.36 or v1.36.3; default v1.36
	ControlPlanes int          `json:"controlPlanes,omitempty" jsonschema:"minimum=1,maximum=9"`        // default 1
	Workers       *int         `json:"workers,omitempty" jsonschema:"minimum=0,maximum=32"`             // default 2
	KubeProxy     KubeProxy    `json:"kubeProxy,omitempty"`                                             // default none
	IPFamily      IPFamily     `json:"ipFamily,omitempty"`                                              // default ipv4
	PodCIDR       netip.Prefix `json:"podCIDR,omitempty,omitzero"`                                      // default 10.244.0.0/16
	ServiceCIDR   netip.Prefix `json:"serviceCIDR,omitempty,omitzero"`                                  // default 10.96.0.0/16
	// PodCIDR6 and ServiceCIDR6 are the IPv6 prefixes of ipFamily ipv6 and dual; default fd00:10:244::/56 and fd00:10:96::/112.
	PodCIDR6     netip.Prefix `json:"podCIDR6,omitempty,omitzero" jsonschema:"example=fd00:10:244::/56"`
	ServiceCIDR6 netip.Prefix `json:"serviceCIDR6,omitempty,omitzero" jsonschema:"example=fd00:10:96::/112"`
	Network      string       `json:"network,omitempty"` // default: the first network
	// APIEndpoint is one address in front of the API servers; default: an endpoint, if the cluster has several API servers.
	APIEndpoint *APIEndpoint `json:"apiEndpoint,omitempty"`
	// JoinLater names nodes that bring-up makes, but does not join. `skidpad node join` and the check join let the nodes join.
	JoinLater []string `json:"joinLater,omitempty"`
	K3s       *K3s     `json:"k3s,omitempty"` // for provider k3s only
	// Racks put the nodes on several networks. Routers connect the networks. Without racks, all nodes are on Network.
	Racks []Rack `json:"racks,omitempty"`
	// Nodes are settings of single nodes: further networks, loopbacks, routes and rules.
	Nodes []NodeSettings `json:"nodes,omitempty"`
}

// Router is a router in a container of its own, on one or more networks.
type Router struct {
	Name     string   `json:"name"`
	Software Software `json:"software,omitempty"` // default: the first of the list
	// Version is the version of the software; default: the image catalogue's version. Of FRR, 8.4.4, 10.3 and 10.7.1 can be
	// built (from Debian 12, 13 and testing); every other version can only be pulled.
	Version  string   `json:"version,omitempty" jsonschema:"example=8.4.4"`
	Networks []string `json:"networks"`
	// Loopbacks are addresses on the router's interface lo: one address each, /32 or /128. Several routers may have the same
	// loopback (anycast).
	Loopbacks []netip.Prefix `json:"loopbacks,omitempty" jsonschema:"example=10.255.0.1/32,example=2001:db8:255::1/128"`
	// Routes are static routes in the kernel, besides the routes of the software.
	Routes []StaticRoute `json:"routes,omitempty"`
	BGP    *BGP          `json:"bgp,omitempty"`
	OSPF   *OSPF         `json:"ospf,omitempty"`
	NativeConfig
}

// BGP is a speaker's configuration.
type BGP struct {
	ASN   uint32 `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers []Peer `json:"peers,omitempty"`
	// HoldTime is at least 3 s (RFC 4271, 4.2) and a whole number of seconds; default 9 s. The router sends keepalives at a
	// third of the hold time.
	HoldTime Duration `json:"holdTime,omitempty"`
	// GracefulRestart keeps a restarting peer's routes (RFC 4724); default false.
	GracefulRestart bool `json:"gracefulRestart,omitempty"`
	// MaximumPaths bounds the ECMP set; default 16.
	MaximumPaths int `json:"maximumPaths,omitempty" jsonschema:"minimum=1,maximum=256"`
	// Announce lists the router's networks whose prefixes the router advertises to all peers.
	Announce []string `json:"announce,omitempty"`

	SpeakerOptions
}

// Peer is nodes of the cluster, another router, an address, or a range of addresses; exactly one of Nodes, Router, Address and
// Listen is set.
type Peer struct {
	// Nodes is all, workers, controlPlanes, or a list of nodes such as [worker, worker2]. The nodes dial, and the router listens.
	Nodes  NodeNames `json:"nodes,omitempty"`
	Router string    `json:"router,omitempty"` // a router's name
	// Address is any address: of a container, a client, a speaker of one's own, a node or a router. The entry configures this
	// end only; the other end is not checked. The address may be several hops away, with multihop and updateSource.
	Address netip.Addr `json:"address,omitempty,omitzero" jsonschema:"example=10.0.0.9,example=2001:db8::9"`
	// Listen is a prefix: any peer with an address inside may open a session (FRR: bgp listen range; BIRD: neighbor range; GoBGP:
	// dynamic neighbors).
	Listen netip.Prefix `json:"listen,omitempty,omitzero" jsonschema:"example=10.0.0.0/24,example=2001:db8:1::/64"`
	// Sessions is the number of peers of Listen that the check of sessions wants; default 0.
	Sessions int `json:"sessions,omitempty" jsonschema:"minimum=1,maximum=1000"`
	// ASN is the peer's AS number. Default: the ASN that the other router uses towards this router; for nodes the ASN of the
	// nodes' BGP speaker; for Listen any other ASN than the router's. An address needs the ASN.
	ASN uint32 `json:"asn,omitempty" jsonschema:"minimum=1,maximum=4294967295"`

	SessionOptions

	// BFD must be on at both ends.
	BFD *BFD `json:"bfd,omitempty"`
	// Password signs every segment (TCP MD5, RFC 2385): 1 to 80 letters, digits and ._~+/=-, the same at both ends.
	Password Secret `json:"password,omitempty"`
	// Multihop is the TTL of packets to an external peer, and thus the largest distance of the peer in hops; unset means 1.
	Multihop int `json:"multihop,omitempty" jsonschema:"minimum=2,maximum=255"`
	// TTLSecurity is the largest distance of an external peer in hops, by the TTL of the peer's packets (RFC 5082). Both ends
	// must set TTLSecurity.
	TTLSecurity int `json:"ttlSecurity,omitempty" jsonschema:"minimum=1,maximum=254"`
	// RouteReflectorClient makes the router reflect routes to this internal peer and from this peer (RFC 4456).
	RouteReflectorClient bool `json:"routeReflectorClient,omitempty"`
	// MaxPrefixes is the largest number of routes from the peer. One more route ends the session, and the session stays down.
	MaxPrefixes int `json:"maxPrefixes,omitempty" jsonschema:"minimum=1,maximum=1000000"`
	// Import applies to routes from the peer. Export applies to routes to the peer.
	Import *RoutePolicy `json:"import,omitempty"`
	Export *RoutePolicy `json:"export,omitempty"`
}

// Gateway is an address on each of the listed networks. Several routers, or several cluster nodes, guard the address. On nodes,
// keepalived runs in the node's network namespace, and the address is a floating address of the nodes.
type Gateway struct {
	Name     string   `json:"name"`
	Protocol string   `json:"protocol,omitempty" jsonschema:"enum=vrrp"` // vrrp (keepalived); default vrrp
	Members  []string `json:"members"`                                   // routers, or kind's nodes; the first is the preferred master
	Networks []string `json:"networks"`
	// AdvertInterval is a multiple of 10 ms from 10 ms to 40.95 s (RFC 9568, 5.2.7); default 100 ms.
	// Version 2 takes whole seconds; default 1 s there.
	AdvertInterval Duration `json:"advertInterval,omitempty"`
	GatewayOptions
}

// Client is a host on one or more networks, outside the cluster.
type Client struct {
	Name string `json:"name"`
	// Network is the client's only network. Networks lists several; the first is the network of the default route.
	Network  string   `json:"network,omitempty"`
	Networks []string `json:"networks,omitempty"`
	// Gateway or Router is the next hop of the default route; unset, the client reaches only hosts on the same segment.
	Gateway string `json:"gateway,omitempty"`
	Router  string `json:"router,omitempty"`
	// Routes are static routes. A default route here excludes gateway and router.
	Routes []StaticRoute `json:"routes,omitempty"`
	// Echo lets the client itself answer probes, on port 8080, as the echo workload does.
	Echo bool `json:"echo,omitempty"`
}

// Advertisement is a kind of address that a BGP speaker on a node announces.
type Advertisement string

// The kinds of advertisement.
const (
	AdvertisePodCIDR      Advertisement = "podCIDR"
	AdvertiseClusterIP    Advertisement = "clusterIP"
	AdvertiseExternalIP   Advertisement = "externalIP"
	AdvertiseLoadBalancer Advertisement = "loadBalancerIP"
	AdvertisePodPool      Advertisement = "podPool" // the prefixes of nodes from pools of pod addresses (Cilium: CiliumPodIPPool)
)

// Workload is a program for probes to reach. Exactly one field is set.
type Workload struct {
	Echo *Echo `json:"echo,omitempty"`
}

// Echo is the echo workload. The workload answers UDP, TCP and HTTP, and names the answering pod and the source address of the
// request.
type Echo struct {
	Name     string  `json:"name,omitempty"`                                        // default echo
	Replicas int     `json:"replicas,omitempty" jsonschema:"minimum=1,maximum=100"` // default 2
	Service  Service `json:"service,omitempty"`
}

// Service is the Kubernetes Service in front of a workload.
type Service struct {
	Type                  string       `json:"type,omitempty" jsonschema:"enum=ClusterIP,enum=NodePort,enum=LoadBalancer"` // ClusterIP, NodePort or LoadBalancer; default LoadBalancer
	ExternalIPs           []netip.Addr `json:"externalIPs,omitempty" jsonschema:"example=203.0.113.50,example=2001:db8:203::50"`
	ExternalTrafficPolicy string       `json:"externalTrafficPolicy,omitempty" jsonschema:"enum=Cluster,enum=Local"` // Cluster or Local; default Cluster
	InternalTrafficPolicy string       `json:"internalTrafficPolicy,omitempty" jsonschema:"enum=Cluster,enum=Local"` // Cluster or Local; default Cluster
	// LoadBalancerIP requests an address of the pool; unset, the service gets the next free address.
	LoadBalancerIP *netip.Addr `json:"loadBalancerIP,omitempty" jsonschema:"example=203.0.113.50,example=2001:db8:203::50"`
	// Labels are further labels of the Service, for selectors of pools and announcements.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are annotations of the Service, such as kube-router.io/service.scheduler: lc.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Check is a promise of the scenario: {NAME: fields}.
type Check struct{ Entry }

func (*Check) from(k Kinds) []Member { return k.Checks }
func (*Check) noun() string          { return "check" }

// Target is a kind of address at which a workload answers.
type Target string

// The kinds of target.
const (
	TargetPod          Target = "pod"
	TargetClusterIP    Target = "clusterIP"
	TargetExternalIP   Target = "externalIP"
	TargetLoadBalancer Target = "loadBalancer"
	TargetNodePort     Target = "nodePort"
	// TargetClient is a client that answers probes. Only a probe can have this target; the probe's workload names the client.
	TargetClient Target = "client"
)
