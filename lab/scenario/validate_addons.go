package scenario

import (
	"fmt"
	"regexp"
	"slices"
)

var releaseForm = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)

func (v *Validation) addons() {
	if c := v.spec.Cluster; c != nil && c.Provider == ProviderExisting {
		return // the cluster's own programs, which run already
	}
	for i, a := range v.spec.Addons {
		if a.Name != "" && v.spec.Cluster == nil {
			v.Add(a.path(i), "seen an addon, want a spec.cluster to install it into")
		}
		a.validate(v, fmt.Sprintf("spec.addons[%d]", i))
	}
	v.roles()
	v.services()
}

// Release checks that a version is written as three numbers.
func (v *Validation) Release(path, version, example string) {
	if !releaseForm.MatchString(version) {
		v.Add(path, "seen %q, want a version such as %s", version, example)
	}
}

// NeedsIPv4 refuses an addon in a cluster without IPv4.
func (v *Validation) NeedsIPv4(path, addon string) {
	if c := v.spec.Cluster; c != nil && !c.IPFamily.V4() {
		v.NotYet(path, fmt.Sprintf("%s with ipFamily %s", addon, c.IPFamily), "an addon that can, or ipFamily ipv4")
	}
}

// roles checks that the addons of a cluster go together: the CNI, the BGP speaker, the giver of addresses.
func (v *Validation) roles() {
	with := map[Role][]string{}
	for i, a := range v.spec.Addons {
		for _, role := range a.Roles() {
			with[role] = append(with[role], a.path(i))
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
		v.Add("spec.addons", "seen no CNI, want an addon with the role cni, such as cilium: pods cannot start without one")
	}
}

func after(all []string) []string { return all[min(1, len(all)):] }

// services checks that exactly one program makes Services work: an addon or kube-proxy.
func (v *Validation) services() {
	c := v.spec.Cluster
	if c == nil {
		return
	}
	const path = "spec.cluster.kubeProxy"
	first := ""
	for i, a := range v.spec.Addons {
		f, ok := a.Fields.(ServiceProxy)
		if !ok {
			continue
		}
		on, field := f.ProxiesServices(c.KubeProxy)
		at := a.path(i)
		if field != "" {
			at = join(at, field)
		}
		switch {
		case !on:
		case first != "":
			v.Add(at, "seen a second proxy of Services beside %s, want one", first)
		case c.KubeProxy != KubeProxyNone:
			v.Add(path, "seen %s beside %s, want none", c.KubeProxy, at)
			first = at
		default:
			first = at
		}
	}
	if c.Provider == ProviderK3s && c.KubeProxy != KubeProxyNone {
		v.NotYet(path, string(c.KubeProxy)+" with provider k3s", "none")
	}
	if first == "" && c.KubeProxy == KubeProxyNone && len(v.spec.Addons) > 0 {
		v.Add(path, "seen none, want iptables, nftables or ipvs: nothing among the addons makes Services work")
	}
}

// NodesBFD checks the BFD of the nodes' speaker: the routers must have BFD with the nodes, too.
func (v *Validation) NodesBFD(path string, b *BFD, peers []NodePeer) {
	if b == nil {
		return
	}
	v.bfdTimes(path, b)
	for _, p := range peers {
		if r := v.spec.Router(p.Router); r != nil && r.BGP != nil && !r.BGP.bfdWithNodes() {
			v.Add(path, "seen it at this end only, want it in the peer entry {nodes: all} of %s too", p.Router)
		}
	}
}

// bfdWithNodes reports whether a router requests BFD with the nodes, or has no session with the nodes.
func (b *BGP) bfdWithNodes() bool {
	for _, p := range b.Peers {
		if p.isNodes() {
			return p.BFD != nil
		}
	}
	return true
}

// nodesBFD checks a router's BFD with the nodes: the nodes' speaker must have BFD with the router, too.
func (v *Validation) nodesBFD(at string, r *Router) {
	n := v.spec.NodeSpeaker()
	switch {
	case n == nil:
	case !n.CanBFD && n.Can&NodeBFD == 0:
		v.Add(at, "seen it for the nodes, whose speaker (%s) has no BFD, want it for routers only", n.Addon)
	case n.BFD == nil && !slices.ContainsFunc(n.AllPeers(), func(p NodePeer) bool { return p.Router == r.Name && p.BFD != nil }):
		v.Add(at, "seen it at this end only, want %s.bfd too", n.Path)
	}
}
