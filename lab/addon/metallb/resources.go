package metallb

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab/addon/object"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// suffix6 ends the name of a peer over IPv6.
const suffix6 = "-6"

// resources are MetalLB's resources under way.
type resources struct {
	b       *plan.Builder
	docs    []string
	secrets []plan.SecretObject
	pools   []string
	own     []string // the peers with announcements of their own
	others  []string
}

func (r *resources) add(api, kind, name string, spec map[string]any) {
	r.docs = append(r.docs, object.Named("metallb.io/"+api, kind, namespace, name, map[string]any{"spec": spec}))
}

// resources returns the pools of addresses and the ways of announcement.
func (m *Addon) resources(b *plan.Builder) *resources {
	r := &resources{b: b}
	r.addPools(m.Pools)
	if l := m.L2; l != nil {
		spec := map[string]any{"ipAddressPools": r.poolsOr(l.Pools), "interfaces": []any{"eth0"}}
		if l.Interfaces != nil {
			spec["interfaces"] = l.Interfaces
		}
		if l.Nodes != nil {
			spec["nodeSelectors"] = r.nodes(l.Nodes)
		}
		r.add("v1beta1", "L2Advertisement", object.Name, spec)
	}
	if m.BGP != nil {
		r.addBGP(m.BGP)
	}
	return r
}

// addPools adds a pool for all pools without a name, and a pool for each name.
func (r *resources) addPools(all []scenario.Pool) {
	addresses, first := map[string][]any{}, map[string]scenario.Pool{}
	for _, p := range all {
		name := cmp.Or(p.Name, object.Name)
		if addresses[name] == nil {
			r.pools, first[name] = append(r.pools, name), p
		}
		addresses[name] = append(addresses[name], p.String())
	}
	for _, name := range r.pools {
		spec := map[string]any{"addresses": addresses[name], "avoidBuggyIPs": true}
		allocation := map[string]any{}
		if s := first[name].ServiceSelector; s != nil {
			allocation["serviceSelectors"] = []any{map[string]any{"matchLabels": s}}
		}
		if n := first[name].Namespaces; n != nil {
			allocation["namespaces"] = n
		}
		if len(allocation) > 0 {
			spec["serviceAllocation"] = allocation
		}
		r.add("v1beta1", "IPAddressPool", name, spec)
	}
}

// addBGP adds the peers, and the announcements.
func (r *resources) addBGP(bgp *BGP) {
	var instanced []string
	for _, in := range bgp.Instances {
		instanced = append(instanced, in.Nodes...)
	}
	r.addPeers(bgp, bgp.ASN, bgp.Peers, "", func(nodes []string) []string {
		if nodes == nil && instanced != nil {
			nodes = r.b.Spec().NodeNames()
		}
		return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return slices.Contains(instanced, n) })
	})
	for i, in := range bgp.Instances {
		r.addPeers(bgp, in.ASN, in.Peers, fmt.Sprintf("-%s", cmp.Or(in.Name, fmt.Sprint(i))), func(nodes []string) []string {
			if nodes == nil {
				return in.Nodes
			}
			return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return !slices.Contains(in.Nodes, n) })
		})
	}
	all := bgp.Advertise
	if all == nil {
		all = []scenario.Announcement{{Kind: scenario.AdvertiseLoadBalancer}}
	}
	if len(r.own) == 0 {
		r.announce(object.Name, nil, all)
	} else if len(r.others) > 0 {
		r.announce(object.Name, r.others, all)
	}
}

// addPeers adds the sessions of a speaker, one for each peer and family. at returns the nodes of a peer; nil means all nodes.
func (r *resources) addPeers(bgp *BGP, asn uint32, peers []scenario.NodePeer, suffix string, at func(nodes []string) []string) {
	used := map[string]bool{}
	for _, p := range r.b.Peers(peers, "") {
		name := p.Name + suffix
		for n := 2; used[name]; n++ {
			name = fmt.Sprintf("%s%s-%d", p.Name, suffix, n)
		}
		used[name] = true
		spec := r.peer(bgp, asn, name, p)
		if nodes := at(p.Nodes); nodes != nil {
			spec["nodeSelectors"] = r.nodes(nodes)
		}
		var sessions []string
		for _, f := range []struct {
			suffix  string
			address netip.Addr
		}{{"", p.Address}, {suffix6, p.Address6}} {
			if f.address.IsValid() {
				spec["peerAddress"] = f.address.String()
				r.add("v1beta2", "BGPPeer", name+f.suffix, spec)
				sessions = append(sessions, name+f.suffix)
			}
		}
		if p.Advertise == nil {
			r.others = append(r.others, sessions...)
			continue
		}
		r.own = append(r.own, sessions...)
		r.announce(object.Name+"-"+name, sessions, p.Advertise)
	}
}

// peer returns the settings of a peer, with a BFD profile and a Secret if necessary.
func (r *resources) peer(bgp *BGP, asn uint32, name string, p plan.Peer) map[string]any {
	timers := scenario.Timers{}
	if p.Timers != nil {
		timers = *p.Timers
	}
	scenario.Or(&timers.HoldTime, bgp.HoldTime)
	spec := map[string]any{"myASN": int64(asn), "peerASN": int64(p.ASN), "holdTime": timers.HoldTime.Std().String()}
	if bgp.Backend != nativeBackend {
		scenario.Or(&timers.Keepalive, scenario.Duration((timers.HoldTime.Std() / 3).Truncate(time.Second)))
		scenario.Or(&timers.ConnectRetry, scenario.Duration(object.ConnectRetry*time.Second))
		spec["keepaliveTime"], spec["connectTime"] = timers.Keepalive.Std().String(), timers.ConnectRetry.Std().String()
	}
	if g := p.GracefulRestart; g != nil && g.Enabled || g == nil && bgp.GracefulRestart {
		spec["enableGracefulRestart"] = true
	}
	if p.Multihop != 0 {
		spec["ebgpMultiHop"] = true
	}
	if p.Port != 0 {
		spec["peerPort"] = p.Port
	}
	if a := p.SourceAddress; a != nil {
		spec["sourceAddress"] = a.String()
	}
	if p.Password != "" {
		secret := object.Name + "-" + name
		r.secrets = append(r.secrets, plan.SecretObject{
			Namespace: namespace, Name: secret, Type: string(corev1.SecretTypeBasicAuth), Values: map[string]scenario.Secret{"password": p.Password},
		})
		spec["passwordSecret"] = map[string]any{"name": secret, "namespace": namespace}
	}
	if f := p.BFD; f != nil {
		ms := f.Interval.Std().Milliseconds()
		r.add("v1beta1", "BFDProfile", name, map[string]any{"receiveInterval": ms, "transmitInterval": ms, "detectMultiplier": f.Multiplier})
		spec["bfdProfile"] = name
	}
	return spec
}

// announce adds announcements to peers; nil means all peers.
func (r *resources) announce(name string, peers []string, all []scenario.Announcement) {
	for i, a := range all {
		spec := map[string]any{"ipAddressPools": r.poolsOr(a.Pools)}
		if peers != nil {
			spec["peers"] = peers
		}
		if a.Nodes != nil {
			spec["nodeSelectors"] = r.nodes(a.Nodes)
		}
		var communities []any
		for _, c := range a.Communities {
			text := string(c)
			if c.Large() {
				text = "large:" + text
			}
			communities = append(communities, text)
		}
		if communities != nil {
			spec["communities"] = communities
		}
		if a.LocalPref != nil {
			spec["localPref"] = int64(*a.LocalPref)
		}
		if a.AggregationLength != 0 {
			spec["aggregationLength"] = a.AggregationLength
		}
		if a.AggregationLengthV6 != 0 {
			spec["aggregationLengthV6"] = a.AggregationLengthV6
		}
		if i > 0 {
			r.add("v1beta1", "BGPAdvertisement", fmt.Sprintf("%s-%d", name, i+1), spec)
		} else {
			r.add("v1beta1", "BGPAdvertisement", name, spec)
		}
	}
}

func (r *resources) poolsOr(names []string) []string {
	if names == nil {
		return r.pools
	}
	return names
}

// nodes selects nodes by their host names.
func (r *resources) nodes(names []string) []any {
	var hosts []any
	for _, n := range names {
		hosts = append(hosts, r.b.Name(n))
	}
	return []any{map[string]any{"matchExpressions": []any{map[string]any{"key": corev1.LabelHostname, "operator": "In", "values": hosts}}}}
}
