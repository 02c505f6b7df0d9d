package cilium

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const (
	// advertiseLabel ties advertisements to peers. A Service with the value `no` is not announced.
	advertiseLabel = "skidpad.dev/advertise"
	// advertised is the label's value for the announcements of all peers without announcements of their own.
	advertised = "bgp"
	// suffix6 ends the name of a resource for IPv6, beside a resource for IPv4.
	suffix6 = "-6"
)

// bgpResources are the resources of the BGP control plane under way.
type bgpResources struct {
	api     string
	bgp     *BGP
	docs    []string
	secrets []plan.SecretObject
	configs []plan.Peer // the peers with a configuration of their own
}

func (r *bgpResources) add(doc map[string]any) { r.docs = append(r.docs, plan.YAML(doc)) }

// bgp returns the resources of the BGP control plane: advertisements, configurations of peers, and the speakers of the nodes.
func (c *Addon) bgp(b *plan.Builder, api string) *bgpResources {
	r := &bgpResources{api: api, bgp: c.BGP}
	r.advertisement(object.Name, advertised, c.BGP.Advertise)
	everyone := scenario.NodePeer{}
	if b.Spec().IPv4() {
		r.add(r.peerConfig(everyone, object.Name, object.Name, advertised, "ipv4"))
	} else {
		r.routerIDs(b)
	}
	if b.Spec().IPv6() {
		r.add(r.peerConfig(everyone, object.Name+suffix6, object.Name, advertised, "ipv6"))
	}
	for _, s := range b.Speakers(c.NodeSpeaker()) {
		r.speakers(b, s)
	}
	return r
}

// advertisement announces pod prefixes, and each asked-for address of every selected Service, except Services that opt out.
// The selector is necessary: without a selector, Cilium selects no Service. Kinds with the same selector and attributes share
// an entry.
func (r *bgpResources) advertisement(name, label string, all []scenario.Announcement) {
	spelling := map[scenario.Advertisement]string{
		scenario.AdvertiseClusterIP:    "ClusterIP",
		scenario.AdvertiseExternalIP:   "ExternalIP",
		scenario.AdvertiseLoadBalancer: "LoadBalancerIP",
	}
	var entries, services []any
	addresses := map[string][]any{}
	for _, a := range all {
		if a.Kind == scenario.AdvertisePodCIDR {
			entries = append(entries, withAttributes(map[string]any{"advertisementType": "PodCIDR"}, a))
			continue
		}
		if a.Kind == scenario.AdvertisePodPool {
			selector := map[string]any{"matchLabels": a.Selector}
			if a.Selector == nil {
				selector = map[string]any{"matchExpressions": []any{map[string]any{"key": advertiseLabel, "operator": "NotIn", "values": []any{"no"}}}}
			}
			entries = append(entries, withAttributes(map[string]any{"advertisementType": "CiliumPodIPPool", "selector": selector}, a))
			continue
		}
		key := plan.YAML(map[string]any{"selector": a.Selector, "communities": a.Communities, "localPref": a.LocalPref, "lengths": []int{a.AggregationLength, a.AggregationLengthV6}})
		if addresses[key] == nil {
			selector := map[string]any{"matchExpressions": []any{
				map[string]any{"key": advertiseLabel, "operator": "NotIn", "values": []any{"no"}},
			}}
			if a.Selector != nil {
				selector["matchLabels"] = a.Selector
			}
			service := map[string]any{"addresses": key}
			if a.AggregationLength != 0 {
				service["aggregationLengthIPv4"] = a.AggregationLength
			}
			if a.AggregationLengthV6 != 0 {
				service["aggregationLengthIPv6"] = a.AggregationLengthV6
			}
			services = append(services, withAttributes(map[string]any{"advertisementType": "Service", "service": service, "selector": selector}, a))
		}
		addresses[key] = append(addresses[key], spelling[a.Kind])
	}
	for _, s := range services {
		of, _ := s.(map[string]any)["service"].(map[string]any)
		key, _ := of["addresses"].(string)
		of["addresses"] = addresses[key]
	}
	doc := named(r.api, "CiliumBGPAdvertisement", name, map[string]any{"advertisements": append(entries, services...)})
	doc["metadata"] = map[string]any{"name": name, "labels": map[string]any{advertiseLabel: label}}
	r.add(doc)
}

// withAttributes attaches the path attributes of an announcement.
func withAttributes(entry map[string]any, a scenario.Announcement) map[string]any {
	attributes := map[string]any{}
	communities := map[string]any{}
	for _, c := range a.Communities {
		form := "standard"
		if c.Large() {
			form = "large"
		}
		list, _ := communities[form].([]any)
		communities[form] = append(list, string(c))
	}
	if len(communities) > 0 {
		attributes["communities"] = communities
	}
	if a.LocalPref != nil {
		attributes["localPreference"] = int64(*a.LocalPref)
	}
	if len(attributes) > 0 {
		entry["attributes"] = attributes
	}
	return entry
}

// peerConfig configures the sessions of a single address family. Each family has separate sessions: over an IPv4 session,
// releases of Cilium send an IPv4-mapped address as the next hop of IPv6 routes (cilium/cilium#37831). secret is the name of
// the Secret with the password.
func (r *bgpResources) peerConfig(p scenario.NodePeer, name, secret, label, family string) map[string]any {
	timers := scenario.Timers{}
	if p.Timers != nil {
		timers = *p.Timers
	}
	scenario.Or(&timers.HoldTime, r.bgp.HoldTime)
	scenario.Or(&timers.ConnectRetry, scenario.Duration(object.ConnectRetry*time.Second))
	seconds := func(d scenario.Duration) int64 { return int64(d.Std() / time.Second) }
	spec := map[string]any{
		"timers": map[string]any{
			"connectRetryTimeSeconds": seconds(timers.ConnectRetry),
			"holdTimeSeconds":         seconds(timers.HoldTime),
			"keepAliveTimeSeconds":    cmp.Or(seconds(timers.Keepalive), seconds(timers.HoldTime)/3),
		},
		"families": []any{map[string]any{
			"afi":            family,
			"safi":           "unicast",
			"advertisements": map[string]any{"matchLabels": map[string]any{advertiseLabel: label}},
		}},
	}
	restart := scenario.NodeRestart{Enabled: r.bgp.GracefulRestart}
	if p.GracefulRestart != nil {
		restart = *p.GracefulRestart
	}
	if restart.Enabled {
		graceful := map[string]any{"enabled": true}
		if restart.RestartTime != 0 {
			graceful["restartTimeSeconds"] = seconds(restart.RestartTime)
		}
		spec["gracefulRestart"] = graceful
	}
	if p.Password != "" {
		spec["authSecretRef"] = secret
	}
	if p.Multihop != 0 {
		spec["ebgpMultihop"] = p.Multihop
	}
	transport := map[string]any{}
	if p.Port != 0 {
		transport["peerPort"] = p.Port
	}
	if p.SourceInterface != "" {
		transport["sourceInterface"] = p.SourceInterface
	}
	if len(transport) > 0 {
		spec["transport"] = transport
	}
	return named(r.api, "CiliumBGPPeerConfig", name, spec)
}

// config returns the name of a peer's configuration over IPv4. Peers with settings of their own have a configuration of their
// own, with a Secret and announcements if necessary.
func (r *bgpResources) config(p plan.Peer) string {
	if p.Plain() {
		return object.Name
	}
	name, further := object.Name+"-"+p.Name, 1
	for _, other := range r.configs {
		if other.Name != p.Name {
			continue
		}
		if sameSettings(other.NodePeer, p.NodePeer) {
			return name
		}
		further++
		name = fmt.Sprintf("%s-%s-%d", object.Name, p.Name, further)
	}
	r.configs = append(r.configs, p)
	label := advertised
	if p.Advertise != nil {
		label = name
		r.advertisement(name, label, p.Advertise)
	}
	if p.Password != "" {
		r.secrets = append(r.secrets, plan.SecretObject{Namespace: metav1.NamespaceSystem, Name: name, Values: map[string]scenario.Secret{"password": p.Password}})
	}
	if p.Address.IsValid() {
		r.add(r.peerConfig(p.NodePeer, name, name, label, "ipv4"))
	}
	if p.Address6.IsValid() {
		r.add(r.peerConfig(p.NodePeer, name+suffix6, name, label, "ipv6"))
	}
	return name
}

// sameSettings reports whether two entries for a router differ only in their nodes.
func sameSettings(a, b scenario.NodePeer) bool {
	a.Nodes, b.Nodes = nil, nil
	return plan.YAML(a) == plan.YAML(b)
}

// routerIDs gives router IDs to the nodes of a cluster without IPv4, in the form of an IPv4 address (RFC 4271, 4.2).
// Otherwise, agents take four bytes of a random MAC, with another value after each restart. Agents of Cilium 1.16 then start
// no speaker.
func (r *bgpResources) routerIDs(b *plan.Builder) {
	for i, short := range b.Spec().NodeNames() {
		var instances []any
		for _, in := range (&Addon{BGP: r.bgp}).NodeSpeaker().At(short) {
			instances = append(instances, map[string]any{"name": cmp.Or(in.Name, object.Name), "routerID": b.RouterID(i).String()})
		}
		if instances != nil {
			r.add(named(r.api, "CiliumBGPNodeConfigOverride", b.Name(short), map[string]any{"bgpInstances": instances}))
		}
	}
}

// speakers makes nodes speakers with a session to each router on the nodes' network.
func (r *bgpResources) speakers(b *plan.Builder, s plan.Speakers) {
	name, selector := object.Name, map[string]any{}
	if s.Rack != "" {
		name += "-" + s.Rack
		selector["matchLabels"] = map[string]any{plan.RackLabel: s.Rack}
	}
	if s.Nodes != nil {
		name += "-" + s.Nodes[0]
		var hosts []any
		for _, short := range s.Nodes {
			hosts = append(hosts, b.Name(short))
		}
		selector = map[string]any{"matchExpressions": []any{map[string]any{"key": corev1.LabelHostname, "operator": "In", "values": hosts}}}
	}
	var instances []any
	for _, in := range s.Instances {
		var peers []any
		for _, p := range in.Peers {
			peers = append(peers, r.peers(p)...)
		}
		instance := map[string]any{"name": cmp.Or(in.Name, object.Name), "localASN": int64(in.ASN), "peers": peers}
		if in.Port != 0 {
			instance["localPort"] = in.Port
		}
		instances = append(instances, instance)
	}
	spec := map[string]any{"bgpInstances": instances}
	if len(selector) > 0 {
		spec["nodeSelector"] = selector
	}
	r.add(named(r.api, "CiliumBGPClusterConfig", name, spec))
}

// peers returns the sessions with a peer, one for each family.
func (r *bgpResources) peers(p plan.Peer) []any {
	config := r.config(p)
	var all []any
	for _, f := range []struct {
		suffix, family string
		address        netip.Addr
	}{{"", "ipv4", p.Address}, {suffix6, "ipv6", p.Address6}} {
		if !f.address.IsValid() {
			continue
		}
		peer := map[string]any{"name": p.Name + f.suffix, "peerASN": int64(p.ASN), "peerConfigRef": map[string]any{"name": config + f.suffix}}
		if p.AutoDiscovery {
			peer["autoDiscovery"] = map[string]any{"mode": "DefaultGateway", "defaultGateway": map[string]any{"addressFamily": f.family}}
		} else {
			peer["peerAddress"] = f.address.String()
		}
		all = append(all, peer)
	}
	return all
}
