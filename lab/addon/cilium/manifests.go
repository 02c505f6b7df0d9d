package cilium

import (
	"net/netip"
	"time"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// name6 is the name of the second resource of a kind, for IPv6.
const name6 = object.Name + "-6"

// advertiseLabel ties advertisements to the peers' address family. A Service with the value `no` is not announced.
const advertiseLabel = "skidpad.dev/advertise"

// manifests returns Cilium's own resources: the pool of LoadBalancer addresses, the BGP peers and advertisements of the
// nodes, and the addresses for ARP.
func (c *Addon) manifests(b *plan.Builder) []string {
	api := "cilium.io/" + c.api()
	var docs []string
	if len(c.LoadBalancerPools) > 0 {
		docs = append(docs, plan.YAML(pool(api, c)))
	}
	if c.BGP != nil {
		docs = append(docs, plan.YAML(advertisement(api, c.BGP)))
		if b.Spec().IPv4() {
			docs = append(docs, plan.YAML(peerConfig(api, c.BGP, object.Name, "ipv4")))
		} else {
			docs = append(docs, routerIDs(b, api)...)
		}
		if b.Spec().IPv6() {
			docs = append(docs, plan.YAML(peerConfig(api, c.BGP, name6, "ipv6")))
		}
		for _, speakers := range bgpClusters(b, api, c.BGP) {
			docs = append(docs, plan.YAML(speakers))
		}
	}
	if c.L2 != nil {
		docs = append(docs, plan.YAML(c.l2Policy(b)))
	}
	return docs
}

// api returns the version of the BGP and pool resources: Cilium 1.18 made v2alpha1 into v2.
func (c *Addon) api() string {
	if c.before(18) {
		return "v2alpha1"
	}
	return "v2"
}

func resource(api, kind string, spec map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": api,
		"kind":       kind,
		"metadata":   map[string]any{"name": object.Name},
		"spec":       spec,
	}
}

func pool(api string, c *Addon) map[string]any {
	var blocks []any
	for _, p := range c.LoadBalancerPools {
		blocks = append(blocks, map[string]any{"cidr": p.String()})
	}
	return resource(api, "CiliumLoadBalancerIPPool", map[string]any{"allowFirstLastIPs": "No", "blocks": blocks})
}

// advertisement announces pod prefixes, and each asked-for address of every Service, except Services that opt out. The
// selector is necessary: without a selector, Cilium selects no Service.
func advertisement(api string, bgp *BGP) map[string]any {
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
	doc := resource(api, "CiliumBGPAdvertisement", map[string]any{"advertisements": all})
	doc["metadata"] = map[string]any{"name": object.Name, "labels": map[string]any{advertiseLabel: "bgp"}}
	return doc
}

// peerConfig configures the sessions of a single address family. Each family has separate sessions: over an IPv4 session,
// releases of Cilium send an IPv4-mapped address as the next hop of IPv6 routes (cilium/cilium#37831).
func peerConfig(api string, bgp *BGP, name, family string) map[string]any {
	hold := int64(bgp.HoldTime.Std() / time.Second)
	spec := map[string]any{
		"timers": map[string]any{
			"connectRetryTimeSeconds": object.ConnectRetry,
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
	doc := resource(api, "CiliumBGPPeerConfig", spec)
	doc["metadata"] = map[string]any{"name": name}
	return doc
}

// routerIDs gives router IDs to the nodes of a cluster without IPv4, in the form of an IPv4 address (RFC 4271, 4.2).
// Otherwise, agents take four bytes of a random MAC, with another value after each restart. Agents of Cilium 1.16 then start
// no speaker.
func routerIDs(b *plan.Builder, api string) []string {
	var docs []string
	for i, short := range b.Spec().NodeNames() {
		doc := resource(api, "CiliumBGPNodeConfigOverride", map[string]any{"bgpInstances": []any{
			map[string]any{"name": object.Name, "routerID": b.RouterID(i).String()},
		}})
		doc["metadata"] = map[string]any{"name": b.Name(short)}
		docs = append(docs, plan.YAML(doc))
	}
	return docs
}

// bgpClusters makes every node a speaker with a session to each router on the node's network. All nodes have the same
// configuration or, with racks, all nodes of a rack.
func bgpClusters(b *plan.Builder, api string, bgp *BGP) []map[string]any {
	if len(b.Spec().Cluster.Racks) == 0 {
		return []map[string]any{speakers(b, api, bgp, "")}
	}
	var all []map[string]any
	for _, rack := range b.Spec().Cluster.Racks {
		doc := speakers(b, api, bgp, rack.Network)
		doc["metadata"] = map[string]any{"name": object.Name + "-" + rack.Network}
		if spec, ok := doc["spec"].(map[string]any); ok {
			spec["nodeSelector"] = map[string]any{"matchLabels": map[string]any{plan.RackLabel: rack.Network}}
		}
		all = append(all, doc)
	}
	return all
}

// speakers configures nodes on one network.
func speakers(b *plan.Builder, api string, bgp *BGP, network string) map[string]any {
	var peers []any
	for _, p := range b.Peers(bgp.Peers, network) {
		peer := func(name, config string, address netip.Addr) {
			if address.IsValid() {
				peers = append(peers, map[string]any{
					"name":          name,
					"peerAddress":   address.String(),
					"peerASN":       int64(p.ASN),
					"peerConfigRef": map[string]any{"name": config},
				})
			}
		}
		peer(p.Name, object.Name, p.Address)
		peer(p.Name+"-6", name6, p.Address6)
	}
	return resource(api, "CiliumBGPClusterConfig", map[string]any{
		"bgpInstances": []any{map[string]any{"name": object.Name, "localASN": int64(bgp.ASN), "peers": peers}},
	})
}

// announcers returns workers, controlPlanes or all. The default is workers, if the cluster has workers: the control plane's
// node has no pods for an answer, and the leases end with the node.
func announcers(b *plan.Builder, l *L2) string {
	if w := b.Spec().Cluster.Workers; l.Nodes == "" && w != nil && *w > 0 {
		return "workers"
	}
	return l.Nodes
}

// l2Policy lets nodes announce external and LoadBalancer addresses of all Services on their own network by ARP. The
// resource is still v2alpha1 in Cilium 1.19.
func (c *Addon) l2Policy(b *plan.Builder) map[string]any {
	spec := map[string]any{
		"externalIPs":     true,
		"loadBalancerIPs": true,
		"interfaces":      []any{"^eth[0-9]+$"},
	}
	operator := map[string]string{"workers": "DoesNotExist", "controlPlanes": "Exists"}[announcers(b, c.L2)]
	if operator != "" {
		spec["nodeSelector"] = map[string]any{"matchExpressions": []any{
			map[string]any{"key": "node-role.kubernetes.io/control-plane", "operator": operator},
		}}
	}
	return resource("cilium.io/v2alpha1", "CiliumL2AnnouncementPolicy", spec)
}
