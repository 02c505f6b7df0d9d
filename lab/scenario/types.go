// Package scenario holds what is asked for: the types of a scenario file, their defaults, and the
// validation that reports every mistake of a file at once, with path and line.
package scenario

import "net/netip"

// APIVersion and Kind are what a scenario file must name.
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
	// Bug makes it the reproduction of one; see skidpad repro.
	Bug *Bug `json:"bug,omitempty"`

	kinds Kinds // by which the file was read; of each half, too
}

// Metadata names a scenario. Labels are free; `origin` and `cni` are shown by listings.
type Metadata struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

// Spec is what the scenario asks for.
type Spec struct {
	Networks  []Network  `json:"networks"`
	Cluster   *Cluster   `json:"cluster,omitempty"`
	Routers   []Router   `json:"routers,omitempty"`
	Gateways  []Gateway  `json:"gateways,omitempty"`
	Clients   []Client   `json:"clients,omitempty"`
	Addons    []Addon    `json:"addons,omitempty"`
	Workloads []Workload `json:"workloads,omitempty"`
	Checks    []Check    `json:"checks,omitempty"`
}

// Network is one L2 segment: a Linux bridge of its own.
type Network struct {
	Name string `json:"name"`
	// IPv4 is the segment's prefix (/16 to /24). Unset, a free /24 is found in the pool.
	IPv4 *netip.Prefix `json:"ipv4,omitempty"`
	// IPv6 is its second prefix (a /64). Unset, a free one is found in a lab that has IPv6.
	IPv6 *netip.Prefix `json:"ipv6,omitempty" jsonschema:"example=2001:db8:0:1::/64"`
	// Masquerade has the host give its own address to what leaves the network, as container engines do unasked; default
	// false. Where bridged packets pass the host's firewall (net.bridge.bridge-nf-call-iptables), it also rewrites what
	// merely crosses to another of the lab's networks, which breaks DSR.
	Masquerade bool `json:"masquerade,omitempty"`
}

// Provider makes clusters.
type Provider string

// The cluster providers.
const (
	ProviderKind Provider = "kind"
	ProviderK3s  Provider = "k3s"
)

// KubeProxy says which kube-proxy a cluster runs.
type KubeProxy string

// The kube-proxy modes; `none` leaves services to the CNI.
const (
	KubeProxyNone     KubeProxy = "none"
	KubeProxyIPTables KubeProxy = "iptables"
	KubeProxyIPVS     KubeProxy = "ipvs"
	KubeProxyNFTables KubeProxy = "nftables"
)

// IPFamily says which addresses a cluster gives to pods and services.
type IPFamily string

// The IP families.
const (
	IPv4Family IPFamily = "ipv4"
	IPv6Family IPFamily = "ipv6"
	DualFamily IPFamily = "dual"
)

// Cluster is the Kubernetes cluster.
type Cluster struct {
	Provider      Provider     `json:"provider,omitempty"`                                              // default kind
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
	// APIEndpoint is one address in front of the API servers; it is there by default where there are several.
	APIEndpoint *APIEndpoint `json:"apiEndpoint,omitempty"`
	// JoinLater names nodes that are made and do not join at bring-up: `skidpad node join` and the check join have them do so.
	JoinLater []string `json:"joinLater,omitempty"`
	K3s       *K3s     `json:"k3s,omitempty"` // of provider k3s only
	// Racks put the nodes on several networks, which routers connect. Without them all nodes are on Network.
	Racks []Rack `json:"racks,omitempty"`
}

// Router is a router in a container of its own, on one or more networks.
type Router struct {
	Name     string   `json:"name"`
	Software Software `json:"software,omitempty"` // default: the first of the list
	// Version is the software's, where it is not to be the image catalogue's own. Of FRR, 8.4.4, 10.3 and 10.7.1 can be built (of
	// Debian 12, 13 and testing); any other can only be pulled.
	Version  string   `json:"version,omitempty" jsonschema:"example=8.4.4"`
	Networks []string `json:"networks"`
	BGP      *BGP     `json:"bgp,omitempty"`
}

// BGP is a speaker's configuration.
type BGP struct {
	ASN   uint32 `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers []Peer `json:"peers,omitempty"`
	// HoldTime is at least 3 s (RFC 4271, 4.2) and a whole number of seconds; default 9 s.
	// Keepalives go out at a third of it.
	HoldTime Duration `json:"holdTime,omitempty"`
	// GracefulRestart keeps a restarting peer's routes (RFC 4724); default false.
	GracefulRestart bool `json:"gracefulRestart,omitempty"`
	// MaximumPaths bounds the ECMP set; default 16.
	MaximumPaths int `json:"maximumPaths,omitempty" jsonschema:"minimum=1,maximum=256"`
	// Announce names networks of the router's whose prefixes it tells its peers of.
	Announce []string `json:"announce,omitempty"`
}

// Peer is either every node of the cluster or another router; exactly one of Nodes and Router is set.
type Peer struct {
	Nodes  string `json:"nodes,omitempty" jsonschema:"enum=all"` // "all"
	Router string `json:"router,omitempty"`                      // a router's name
	// ASN is the peer's. For a router it defaults to that router's own, for nodes to Cilium's.
	ASN uint32 `json:"asn,omitempty" jsonschema:"minimum=1,maximum=4294967295"`

	// BFD is to be on at both ends.
	BFD *BFD `json:"bfd,omitempty"`
	// Password signs every segment (TCP MD5, RFC 2385): 1 to 80 letters, digits and ._~+/=-, the same at both ends.
	Password Secret `json:"password,omitempty"`
	// Multihop is the TTL of what an external peer is sent, so how many hops away it may be; unset is 1.
	Multihop int `json:"multihop,omitempty" jsonschema:"minimum=2,maximum=255"`
	// TTLSecurity is how many hops away an external peer may be, by the TTL of what it sends (RFC 5082); at both ends.
	TTLSecurity int `json:"ttlSecurity,omitempty" jsonschema:"minimum=1,maximum=254"`
	// RouteReflectorClient makes the router reflect routes to this internal peer and from it (RFC 4456).
	RouteReflectorClient bool `json:"routeReflectorClient,omitempty"`
	// MaxPrefixes is how many routes the peer may send; one more ends the session, which stays down.
	MaxPrefixes int `json:"maxPrefixes,omitempty" jsonschema:"minimum=1,maximum=1000000"`
	// Import and Export are set on what the peer sends and is sent.
	Import *RoutePolicy `json:"import,omitempty"`
	Export *RoutePolicy `json:"export,omitempty"`
}

// Gateway is an address on each of its networks that several routers guard.
type Gateway struct {
	Name     string   `json:"name"`
	Protocol string   `json:"protocol,omitempty" jsonschema:"enum=vrrp"` // vrrp (keepalived, VRRPv3); default vrrp
	Members  []string `json:"members"`                                   // the first is the preferred master
	Networks []string `json:"networks"`
	// AdvertInterval is a multiple of 10 ms from 10 ms to 40.95 s (RFC 9568, 5.2.7); default 100 ms.
	AdvertInterval Duration `json:"advertInterval,omitempty"`
}

// Client is a host on a network that is not part of the cluster.
type Client struct {
	Name    string `json:"name"`
	Network string `json:"network"`
	// Gateway or Router names its default route's next hop; unset, it reaches its own segment only.
	Gateway string `json:"gateway,omitempty"`
	Router  string `json:"router,omitempty"`
	// Echo has the client answer probes itself, on port 8080, as the echo workload does.
	Echo bool `json:"echo,omitempty"`
}

// Advertisement is a kind of address that a node's BGP speaker announces.
type Advertisement string

// The kinds of advertisement.
const (
	AdvertisePodCIDR      Advertisement = "podCIDR"
	AdvertiseClusterIP    Advertisement = "clusterIP"
	AdvertiseExternalIP   Advertisement = "externalIP"
	AdvertiseLoadBalancer Advertisement = "loadBalancerIP"
)

// Workload is what is deployed for probes to reach. Exactly one field is set.
type Workload struct {
	Echo *Echo `json:"echo,omitempty"`
}

// Echo is the echo workload: it answers UDP, TCP and HTTP with who answered and whom it saw.
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
	// LoadBalancerIP asks for one address of the pool; unset, the next free one is given.
	LoadBalancerIP *netip.Addr `json:"loadBalancerIP,omitempty" jsonschema:"example=203.0.113.50,example=2001:db8:203::50"`
	// Annotations are the Service's own, such as kube-router.io/service.scheduler: lc.
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
	// TargetClient is a client that answers probes; of a probe only, whose workload names the client.
	TargetClient Target = "client"
)
