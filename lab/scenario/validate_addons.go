package scenario

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

func (v *Validation) addons() {
	kinds := names(fieldsOf(reflect.TypeFor[Addon]()))
	for i, a := range v.spec.Addons {
		path := fmt.Sprintf("spec.addons[%d]", i)
		set := make([]bool, len(kinds))
		for j := range kinds {
			set[j] = !reflect.ValueOf(a).Field(j).IsNil()
		}
		if !v.ExactlyOne(path, strings.Join(kinds, ", "), set...) {
			continue
		}
		path += "." + a.Kind()
		if v.spec.Cluster == nil {
			v.Add(path, "seen an addon, want a spec.cluster to install it into")
		}
		v.addon(path, a)
	}
	v.roles()
	v.services()
}

// addon checks what is between the braces of one addon.
func (v *Validation) addon(path string, a Addon) {
	switch {
	case a.Cilium != nil:
		v.cilium(path, a.Cilium)
	case a.Calico != nil:
		v.calico(path, a.Calico)
	case a.KubeRouter != nil:
		v.kubeRouter(path, a.KubeRouter)
	case a.MetalLB != nil:
		v.metalLB(path, a.MetalLB)
	case a.PureLB != nil:
		v.release(path+".version", a.PureLB.Version, DefaultPureLB)
		v.NotEmpty(path+".pools", len(a.PureLB.Pools))
	case a.BIRD != nil:
		v.bird(path, a.BIRD)
	case a.APISIX != nil:
		v.release(path+".version", a.APISIX.Version, DefaultAPISIX)
	}
}

func (v *Validation) cilium(path string, c *Cilium) {
	v.ciliumVersion(path+".version", c)
	others := slices.ContainsFunc(v.spec.Addons, func(a Addon) bool { return a.Cilium == nil && slices.Contains(a.Roles(), RoleLoadBalancer) })
	if !others {
		v.NotEmpty(path+".loadBalancerPools", len(c.LoadBalancerPools))
	}
	if c.BGP != nil {
		v.ciliumBGP(path+".bgp", c.BGP)
	}
	if c.L2 != nil {
		v.ciliumL2(path+".l2", c.L2)
	}
	if c.Hubble != nil {
		v.hubble(path+".hubble", c.Hubble)
	}
}

func (v *Validation) ciliumBGP(path string, b *CiliumBGP) {
	v.asn(path+".asn", b.ASN)
	v.holdTime(path+".holdTime", b.HoldTime)
	v.NotEmpty(path+".peers", len(b.Peers))
	v.advertised(path+".advertise", b.Advertise)
	v.nodePeers(path+".peers", b.Peers)
}

// ciliumL2 checks what Kubernetes' leader election demands of the three times, so that an agent does
// not die of them at its start: lease > renew deadline > 1.2 × retry period.
func (v *Validation) ciliumL2(path string, l *CiliumL2) {
	if l.LeaseDuration <= l.LeaseRenewDeadline {
		v.Add(path+".leaseDuration", "seen %s, want more than leaseRenewDeadline, %s", l.LeaseDuration, l.LeaseRenewDeadline)
	}
	if l.LeaseDuration.Std() < time.Second {
		v.Add(path+".leaseDuration", "seen %s, want at least 1s: leases count whole seconds", l.LeaseDuration)
	}
	if 5*l.LeaseRenewDeadline <= 6*l.LeaseRetryPeriod {
		v.Add(path+".leaseRenewDeadline", "seen %s, want more than 1.2 times leaseRetryPeriod, %s", l.LeaseRenewDeadline, l.LeaseRetryPeriod)
	}
}
