package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var releaseForm = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)

// release checks that a version is written as three numbers.
func (v *Validation) release(path, version, example string) {
	if !releaseForm.MatchString(version) {
		v.Add(path, "seen %q, want a version such as %s", version, example)
	}
}

// roles checks that the addons of a cluster go together: who makes the pods' network, who speaks BGP, who gives
// addresses.
func (v *Validation) roles() {
	with := map[Role][]string{}
	for i, a := range v.spec.Addons {
		for _, role := range a.Roles() {
			with[role] = append(with[role], fmt.Sprintf("spec.addons[%d].%s", i, a.Kind()))
		}
	}
	for _, further := range after(with[RoleCNI]) {
		v.Add(further, "seen a second CNI beside %s, want one", with[RoleCNI][0])
	}
	for _, further := range after(with[RoleBGP]) {
		v.Add(further, "seen a second speaker of BGP beside %s, want one: two cannot peer from one node's address", with[RoleBGP][0])
	}
	for _, further := range after(with[RoleLoadBalancer]) {
		v.Add(further, "seen a second giver of LoadBalancer addresses beside %s, want one", with[RoleLoadBalancer][0])
	}
	if v.spec.Cluster != nil && len(with[RoleCNI]) == 0 {
		v.Add("spec.addons", "seen no CNI, want cilium, calico or kubeRouter with cni among the addons: pods cannot start without one")
	}
}

func after(all []string) []string { return all[min(1, len(all)):] }

// services checks that somebody makes Services work, and no two: Cilium, kube-router's IPVS or kube-proxy.
func (v *Validation) services() {
	c := v.spec.Cluster
	if c == nil {
		return
	}
	const path = "spec.cluster.kubeProxy"
	proxy := ""
	for i, a := range v.spec.Addons {
		if a.KubeRouter != nil && a.KubeRouter.ServiceProxy {
			proxy = fmt.Sprintf("spec.addons[%d].kubeRouter.serviceProxy", i)
		}
	}
	cilium, ciliumPath := v.spec.cilium()
	switch {
	case cilium != nil && proxy != "":
		v.Add(proxy, "seen true beside %s, want one of the two to make Services work", ciliumPath)
	case proxy != "" && c.KubeProxy != KubeProxyNone:
		v.Add(path, "seen %s beside %s, want none", c.KubeProxy, proxy)
	case cilium == nil && proxy == "" && c.KubeProxy == KubeProxyNone && len(v.spec.Addons) > 0:
		v.Add(path, "seen none, want iptables, nftables or ipvs: nothing among the addons makes Services work")
	}
}

// advertised checks a list of what is announced.
func (v *Validation) advertised(path string, all []Advertisement) {
	v.NotEmpty(path, len(all))
	kinds := make([]string, 0, len(all))
	for _, a := range all {
		kinds = append(kinds, string(a))
	}
	v.Repeated(path, kinds)
}

// nodePeers checks the routers that nodes peer with: they exist, are in reach, and expect the nodes.
func (v *Validation) nodePeers(path string, peers []string) {
	v.Repeated(path, peers)
	for j, name := range peers {
		at := fmt.Sprintf("%s[%d]", path, j)
		r := v.spec.Router(name)
		switch {
		case name == "":
		case r == nil:
			v.Unknown(at, name, "router", v.routerNames())
		case v.spec.Cluster != nil && !slices.ContainsFunc(v.spec.Cluster.nodeNetworks(), func(n string) bool { return v.on(r, n) }):
			v.Add(at, "seen %q, which is not on the cluster's network %s, want a router that is", name, list(v.spec.Cluster.nodeNetworks()))
		case r.BGP == nil || !slices.ContainsFunc(r.BGP.Peers, func(p Peer) bool { return p.Nodes != "" }):
			v.Add(at, "seen %q, which has no peer {nodes: all}, want both ends to peer", name)
		}
	}
}

func (v *Validation) metalLB(path string, m *MetalLB) {
	v.release(path+".version", m.Version, DefaultMetalLB)
	v.NotEmpty(path+".pools", len(m.Pools))
	if m.L2 == nil && m.BGP == nil {
		v.Add(path, "seen neither l2 nor bgp, want one of them: else nobody learns where an address is")
	}
	b := m.BGP
	if b == nil {
		return
	}
	v.asn(path+".bgp.asn", b.ASN)
	v.holdTime(path+".bgp.holdTime", b.HoldTime)
	v.NotEmpty(path+".bgp.peers", len(b.Peers))
	v.nodePeers(path+".bgp.peers", b.Peers)
	if b.GracefulRestart && b.Backend == "native" {
		v.Add(path+".bgp.gracefulRestart", "seen true with backend native, which has none, want backend frr")
	}
}

func (v *Validation) kubeRouter(path string, k *KubeRouter) {
	v.release(path+".version", k.Version, DefaultKubeRouter)
	v.asn(path+".asn", k.ASN)
	v.holdTime(path+".holdTime", k.HoldTime)
	v.NotEmpty(path+".peers", len(k.Peers))
	v.advertised(path+".advertise", k.Advertise)
	v.nodePeers(path+".peers", k.Peers)
	if v.spec.DualStack() {
		// The plan gives kube-router IPv4 prefixes alone, so the routers would wait for IPv6 sessions forever. Without IPv4,
		// withoutIPv4 refuses every addon but Cilium.
		v.NotYet(path, "kubeRouter with ipFamily dual", "ipFamily ipv4")
	}
}

func (v *Validation) calico(path string, c *Calico) {
	v.release(path+".version", c.Version, DefaultCalico)
	b := c.BGP
	if b == nil {
		return
	}
	v.asn(path+".bgp.asn", b.ASN)
	v.nodePeers(path+".bgp.peers", b.Peers)
	v.Repeated(path+".bgp.routeReflectors", b.RouteReflectors)
	known := v.spec.NodeNames()
	for j, name := range b.RouteReflectors {
		if !slices.Contains(known, name) {
			v.Unknown(fmt.Sprintf("%s.bgp.routeReflectors[%d]", path, j), name, "node", known)
		}
	}
	if len(known) > 0 && len(b.RouteReflectors) == len(known) {
		v.Add(path+".bgp.routeReflectors", "seen every node, %s, want fewer: reflectors are for others", strings.Join(known, ", "))
	}
}
