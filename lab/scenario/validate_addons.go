package scenario

import (
	"fmt"
	"slices"
	"time"
)

func (v *validator) addons() {
	_, first := v.spec.cilium()
	for i, a := range v.spec.Addons {
		path := fmt.Sprintf("spec.addons[%d]", i)
		if !v.exactlyOne(path, "cilium", a.Cilium != nil) {
			continue
		}
		path += ".cilium"
		if path != first {
			v.add(path, "seen a second CNI, want one")
		}
		if v.spec.Cluster == nil {
			v.add(path, "seen an addon, want a spec.cluster to install it into")
		}
		v.ciliumVersion(path+".version", a.Cilium)
		v.notEmpty(path+".loadBalancerPools", len(a.Cilium.LoadBalancerPools))
		if a.Cilium.BGP != nil {
			v.ciliumBGP(path+".bgp", a.Cilium.BGP)
		}
		if a.Cilium.L2 != nil {
			v.ciliumL2(path+".l2", a.Cilium.L2)
		}
	}
	if v.spec.Cluster != nil && first == "" {
		v.add("spec.addons", "seen no CNI, want cilium among the addons: pods cannot start without one")
	}
}

func (v *validator) ciliumBGP(path string, b *CiliumBGP) {
	v.asn(path+".asn", b.ASN)
	v.holdTime(path+".holdTime", b.HoldTime)
	v.notEmpty(path+".peers", len(b.Peers))
	v.notEmpty(path+".advertise", len(b.Advertise))
	v.repeated(path+".peers", b.Peers)
	kinds := make([]string, 0, len(b.Advertise))
	for _, a := range b.Advertise {
		kinds = append(kinds, string(a))
	}
	v.repeated(path+".advertise", kinds)
	for j, name := range b.Peers {
		at := fmt.Sprintf("%s.peers[%d]", path, j)
		r := v.spec.router(name)
		switch {
		case name == "":
		case r == nil:
			v.unknown(at, name, "router", v.routerNames())
		case v.spec.Cluster != nil && !v.on(r, v.spec.Cluster.Network):
			v.add(at, "seen %q, which is not on the cluster's network %s, want a router that is", name, v.spec.Cluster.Network)
		case r.BGP == nil || !slices.ContainsFunc(r.BGP.Peers, func(p Peer) bool { return p.Nodes != "" }):
			v.add(at, "seen %q, which has no peer {nodes: all}, want both ends to peer", name)
		}
	}
}

// ciliumL2 checks what Kubernetes' leader election demands of the three times, so that an agent does
// not die of them at its start: lease > renew deadline > 1.2 × retry period.
func (v *validator) ciliumL2(path string, l *CiliumL2) {
	if l.LeaseDuration <= l.LeaseRenewDeadline {
		v.add(path+".leaseDuration", "seen %s, want more than leaseRenewDeadline, %s", l.LeaseDuration, l.LeaseRenewDeadline)
	}
	if l.LeaseDuration.Std() < time.Second {
		v.add(path+".leaseDuration", "seen %s, want at least 1s: leases count whole seconds", l.LeaseDuration)
	}
	if 5*l.LeaseRenewDeadline <= 6*l.LeaseRetryPeriod {
		v.add(path+".leaseRenewDeadline", "seen %s, want more than 1.2 times leaseRetryPeriod, %s", l.LeaseRenewDeadline, l.LeaseRetryPeriod)
	}
}
