package plan

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// resourceName is what every resource of ours is called in a cluster.
const resourceName = "skidpad"

// resourceName6 is what those are called that are there a second time, for IPv6.
const resourceName6 = resourceName + "-6"

// advertiseLabel ties advertisements to the peers' address family; on a Service, the value `no` keeps
// it from being announced.
const advertiseLabel = "skidpad.dev/advertise"

// connectRetry is how long a node waits before it tries a router again, in seconds. It is the least
// that the resource allows: a lab waits for sessions that fail while routers start.
const connectRetry = 1

// ciliumManifests writes Cilium's own resources: where LoadBalancer addresses come from, whom the nodes
// peer with and what they announce, and what is announced by ARP.
func (b *builder) ciliumManifests(c *scenario.Cilium) []string {
	api := "cilium.io/" + ciliumAPI(c.Version)
	var docs []string
	if len(c.LoadBalancerPools) > 0 {
		docs = append(docs, toYAML(pool(api, c)))
	}
	if c.BGP != nil {
		docs = append(docs, toYAML(advertisement(api, c.BGP)))
		if b.spec.IPv4() {
			docs = append(docs, toYAML(peerConfig(api, c.BGP, resourceName, "ipv4")))
		} else {
			docs = append(docs, b.routerIDs(api)...)
		}
		if b.spec.IPv6() {
			docs = append(docs, toYAML(peerConfig(api, c.BGP, resourceName6, "ipv6")))
		}
		for _, speakers := range b.bgpClusters(api, c.BGP) {
			docs = append(docs, toYAML(speakers))
		}
	}
	if c.L2 != nil {
		docs = append(docs, toYAML(b.l2Policy(c)))
	}
	return docs
}

// ciliumAPI is the version of the BGP and pool resources: Cilium 1.18 made v2alpha1 into v2.
func ciliumAPI(version string) string {
	parts := strings.Split(version, ".")
	if minor, err := strconv.Atoi(parts[min(1, len(parts)-1)]); err == nil && minor < 18 {
		return "v2alpha1"
	}
	return "v2"
}

func object(api, kind string, spec map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": api,
		"kind":       kind,
		"metadata":   map[string]any{"name": resourceName},
		"spec":       spec,
	}
}

func pool(api string, c *scenario.Cilium) map[string]any {
	var blocks []any
	for _, p := range c.LoadBalancerPools {
		blocks = append(blocks, map[string]any{"cidr": p.String()})
	}
	return object(api, "CiliumLoadBalancerIPPool", map[string]any{"allowFirstLastIPs": "No", "blocks": blocks})
}

// advertisement announces pod prefixes, and each asked-for address of every Service that does not opt
// out. A selector that is left out would select none.
func advertisement(api string, bgp *scenario.CiliumBGP) map[string]any {
	spelling := map[scenario.Advertisement]string{
		scenario.AdvertiseClusterIP:    "ClusterIP",
		scenario.AdvertiseExternalIP:   "ExternalIP",
		scenario.AdvertiseLoadBalancer: "LoadBalancerIP",
	}
	var all, addresses []any
	for _, a := range bgp.Advertise {
		if a == scenario.AdvertisePodCIDR {
			all = append(all, map[string]any{"advertisementType": "PodCIDR"})
			continue
		}
		addresses = append(addresses, spelling[a])
	}
	if addresses != nil {
		all = append(all, map[string]any{
			"advertisementType": "Service",
			"service":           map[string]any{"addresses": addresses},
			"selector": map[string]any{"matchExpressions": []any{
				map[string]any{"key": advertiseLabel, "operator": "NotIn", "values": []any{"no"}},
			}},
		})
	}
	doc := object(api, "CiliumBGPAdvertisement", map[string]any{"advertisements": all})
	doc["metadata"] = map[string]any{"name": resourceName, "labels": map[string]any{advertiseLabel: "bgp"}}
	return doc
}

// peerConfig is of sessions that carry one family's routes. Each family has sessions of its own: over an IPv4 session,
// releases of Cilium name an IPv4-mapped address as the next hop of IPv6 routes (cilium/cilium#37831).
func peerConfig(api string, bgp *scenario.CiliumBGP, name, family string) map[string]any {
	hold := int64(bgp.HoldTime.Std() / time.Second)
	spec := map[string]any{
		"timers": map[string]any{
			"connectRetryTimeSeconds": connectRetry,
			"holdTimeSeconds":         hold,
			"keepAliveTimeSeconds":    hold / 3,
		},
		"families": []any{map[string]any{
			"afi":            family,
			"safi":           "unicast",
			"advertisements": map[string]any{"matchLabels": map[string]any{advertiseLabel: "bgp"}},
		}},
	}
	if bgp.GracefulRestart {
		spec["gracefulRestart"] = map[string]any{"enabled": true}
	}
	doc := object(api, "CiliumBGPPeerConfig", spec)
	doc["metadata"] = map[string]any{"name": name}
	return doc
}

// routerIDs name the nodes of a cluster without IPv4, in IPv4's form (RFC 4271, 4.2). Left to themselves, agents take four
// bytes of a random MAC, another after each restart; those of Cilium 1.16 start no speaker.
func (b *builder) routerIDs(api string) []string {
	var docs []string
	for i, short := range b.spec.NodeNames() {
		doc := object(api, "CiliumBGPNodeConfigOverride", map[string]any{"bgpInstances": []any{
			map[string]any{"name": resourceName, "routerID": at(b.network(b.clusterNetwork()).Subnet, routerIDsAt+i).String()},
		}})
		doc["metadata"] = map[string]any{"name": b.name(short)}
		docs = append(docs, toYAML(doc))
	}
	return docs
}

// bgpClusters makes every node a speaker with a session to each router on its network. All nodes are alike, or those of
// a rack are.
func (b *builder) bgpClusters(api string, bgp *scenario.CiliumBGP) []map[string]any {
	if len(b.spec.Cluster.Racks) == 0 {
		return []map[string]any{b.speakers(api, bgp, b.clusterNetwork())}
	}
	var all []map[string]any
	for _, rack := range b.spec.Cluster.Racks {
		doc := b.speakers(api, bgp, rack.Network)
		doc["metadata"] = map[string]any{"name": resourceName + "-" + rack.Network}
		if spec, ok := doc["spec"].(map[string]any); ok {
			spec["nodeSelector"] = map[string]any{"matchLabels": map[string]any{rackLabel: rack.Network}}
		}
		all = append(all, doc)
	}
	return all
}

// speakers configures nodes on one network.
func (b *builder) speakers(api string, bgp *scenario.CiliumBGP, network string) map[string]any {
	var peers []any
	for _, name := range bgp.Peers {
		router := b.spec.Routers[b.routerIndex(name)]
		if !slices.Contains(router.Networks, network) {
			continue
		}
		v4, v6 := b.routerAddress(name, network)
		peer := func(name, config string, address netip.Addr) {
			if !address.IsValid() {
				return
			}
			peers = append(peers, map[string]any{
				"name":          name,
				"peerAddress":   address.String(),
				"peerASN":       int64(router.BGP.ASN),
				"peerConfigRef": map[string]any{"name": config},
			})
		}
		peer(name, resourceName, v4)
		peer(name+"-6", resourceName6, v6)
	}
	return object(api, "CiliumBGPClusterConfig", map[string]any{
		"bgpInstances": []any{map[string]any{"name": resourceName, "localASN": int64(bgp.ASN), "peers": peers}},
	})
}

// announcers are workers, controlPlanes or all. Where nothing is said they are the workers, if there are any: the control
// plane's node has no pods to answer with, and the leases end with it.
func (b *builder) announcers(l *scenario.CiliumL2) string {
	if w := b.spec.Cluster.Workers; l.Nodes == "" && w != nil && *w > 0 {
		return "workers"
	}
	return l.Nodes
}

// l2Policy lets nodes announce external and LoadBalancer addresses of all Services on their own network by ARP. The
// resource is still v2alpha1 in Cilium 1.19.
func (b *builder) l2Policy(c *scenario.Cilium) map[string]any {
	spec := map[string]any{
		"externalIPs":     true,
		"loadBalancerIPs": true,
		"interfaces":      []any{"^eth[0-9]+$"},
	}
	operator := map[string]string{"workers": "DoesNotExist", "controlPlanes": "Exists"}[b.announcers(c.L2)]
	if operator != "" {
		spec["nodeSelector"] = map[string]any{"matchExpressions": []any{
			map[string]any{"key": "node-role.kubernetes.io/control-plane", "operator": operator},
		}}
	}
	return object("cilium.io/v2alpha1", "CiliumL2AnnouncementPolicy", spec)
}
