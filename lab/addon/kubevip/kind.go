// Package kubevip is the addon kubeVip.
package kubevip

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is kube-vip. A node adds the address of a Service to an interface of its own: with a Lease for each Service, the holder
// answers ARP; with bgp, every node announces the address, or with externalTrafficPolicy Local, every node with a pod.
type Addon struct {
	Version string `json:"version,omitempty" jsonschema:"example=0.9.1"` // default 0.9.1
	// Pools are prefixes or ranges; default 198.51.100.0/24. The workloads without an address of their own get the addresses
	// in the order of the file (spec.loadBalancerIP), as from kube-vip's cloud provider.
	Pools []scenario.Pool `json:"pools,omitempty"`
	// Interface is the nodes' interface that answers ARP (kube-vip: vip_interface); default eth0.
	Interface          string            `json:"interface,omitempty"`
	LeaseDuration      scenario.Duration `json:"leaseDuration,omitempty"`      // whole seconds (kube-vip: vip_leaseduration); default 5 s
	LeaseRenewDeadline scenario.Duration `json:"leaseRenewDeadline,omitempty"` // less than leaseDuration (vip_renewdeadline); default 3 s
	LeaseRetryPeriod   scenario.Duration `json:"leaseRetryPeriod,omitempty"`   // less than leaseRenewDeadline / 1.2 (vip_retryperiod); default 1 s
	// ControlPlane is an address on the cluster's network. The control-plane node that holds the Lease plndr-cp-lock answers ARP
	// for the address, beside the address of the scenario's own endpoint; default none.
	ControlPlane *netip.Addr `json:"controlPlane,omitempty" jsonschema:"example=10.60.0.130"`
	BGP          *BGP        `json:"bgp,omitempty"` // in place of ARP for the addresses of Services
}

// BGP has every node peer with routers.
type BGP struct {
	ASN      uint32              `json:"asn" jsonschema:"minimum=1,maximum=4294967295"` // of all nodes (kube-vip: bgp_as)
	Peers    []scenario.NodePeer `json:"peers"`                                         // routers or addresses (bgp_peers)
	HoldTime scenario.Duration   `json:"holdTime,omitempty"`                            // of all sessions, whole seconds (bgp_hold_time); default 9 s
}

const (
	defaultVersion = "0.9.1"
	// ttl is the TTL of external sessions beyond one hop.
	ttl = 50
)

var (
	_ addon.Announcer       = (*Addon)(nil)
	_ addon.Leaser          = (*Addon)(nil)
	_ addon.Imager          = (*Addon)(nil)
	_ scenario.Pooler       = (*Addon)(nil)
	_ scenario.NodeSpeaking = (*Addon)(nil)
)

// Daemons are the programs on the nodes.
func (*Addon) Daemons() []string { return []string{"kube-vip"} }

// SetDefaults fills in the fields that the file leaves out, and the addresses of the workloads.
func (k *Addon) SetDefaults(s *scenario.Spec) {
	scenario.Or(&k.Version, defaultVersion)
	scenario.Or(&k.Interface, "eth0")
	scenario.Or(&k.LeaseDuration, scenario.Duration(5*time.Second))
	scenario.Or(&k.LeaseRenewDeadline, scenario.Duration(3*time.Second))
	scenario.Or(&k.LeaseRetryPeriod, scenario.Duration(time.Second))
	if k.Pools == nil {
		k.Pools = s.DefaultPools()
	}
	if k.BGP != nil {
		scenario.Or(&k.BGP.HoldTime, scenario.DefaultHoldTime)
	}
	k.give(s.Workloads)
}

// give gives the next free address of the pools to each workload without an address.
func (k *Addon) give(workloads []scenario.Workload) {
	var taken []netip.Addr
	var open []*scenario.Service
	for _, w := range workloads {
		if w.Echo == nil || w.Echo.Service.Type != "LoadBalancer" {
			continue
		}
		if a := w.Echo.Service.LoadBalancerIP; a != nil {
			taken = append(taken, *a)
		} else {
			open = append(open, &w.Echo.Service)
		}
	}
	for _, p := range k.Pools {
		first, last, ok := p.Bounds()
		if p.CIDR.IsValid() {
			first = first.Next() // the first address of a prefix stays unused
		}
		for a := first; ok && len(open) > 0 && !last.Less(a); a = a.Next() {
			if !slices.Contains(taken, a) {
				open[0].LoadBalancerIP, open = &a, open[1:]
			}
		}
	}
}

// Roles returns the work of the addon in the cluster.
func (k *Addon) Roles() []scenario.Role {
	if k.BGP != nil {
		return []scenario.Role{scenario.RoleBGP, scenario.RoleLoadBalancer}
	}
	return []scenario.Role{scenario.RoleLoadBalancer}
}

// AddressPools returns the pools of LoadBalancer addresses.
func (k *Addon) AddressPools() (string, []scenario.Pool) { return "pools", k.Pools }

// NodeSpeaker returns kube-vip's BGP.
func (k *Addon) NodeSpeaker() *scenario.NodeSpeaker {
	if k.BGP == nil {
		return nil
	}
	return &scenario.NodeSpeaker{
		Path: "bgp", ASN: k.BGP.ASN, Peers: k.BGP.Peers, HoldTime: k.BGP.HoldTime, Process: "kube-vip",
		Can: scenario.NodePassword | scenario.NodeMultihop | scenario.NodeAddress,
	}
}

// AnnouncesByARP reports whether nodes answer ARP for LoadBalancer addresses.
func (k *Addon) AnnouncesByARP() bool { return k.BGP == nil }

// AnnouncerLost returns the bound of the outage when the announcing node dies, by the timers of the leases.
func (k *Addon) AnnouncerLost(int) bound.Bound {
	return bound.Lease{Duration: k.LeaseDuration.Std(), RenewDeadline: k.LeaseRenewDeadline.Std(), RetryPeriod: k.LeaseRetryPeriod.Std()}.Lost()
}

// Lease returns the Lease of a Service (kube-vip: svc_election).
func (*Addon) Lease(w plan.Workload) (namespace, name string) {
	return w.Namespace, "kubevip-" + w.Service.Name
}

// Validate checks the fields.
func (k *Addon) Validate(v *scenario.Validation, path string) {
	v.NeedsIPv4(path, "kubeVip")
	v.Release(path+".version", k.Version, defaultVersion)
	v.NotEmpty(path+".pools", len(k.Pools))
	v.LoadBalancerPools(path+".pools", k.Pools)
	for i, p := range k.Pools {
		if p.Name != "" || p.ServiceSelector != nil || p.Namespaces != nil {
			v.NotYet(fmt.Sprintf("%s.pools[%d]", path, i), "a name, a selector or namespaces with kubeVip", "a prefix or a range alone")
		}
	}
	k.validateLeases(v, path)
	if a := k.ControlPlane; a != nil {
		v.NodesAddress(path+".controlPlane", *a)
	}
	if b := k.BGP; b != nil {
		v.Speaks(path+".bgp", k.NodeSpeaker())
		for i, p := range b.Peers {
			if p.Multihop != 0 && p.Multihop != ttl {
				v.Add(fmt.Sprintf("%s.bgp.peers[%d].multihop", path, i), "seen %d, want %d, the only TTL of kube-vip", p.Multihop, ttl)
			}
		}
	}
}

// validateLeases checks the rules of Kubernetes' leader election. kube-vip takes whole seconds.
func (k *Addon) validateLeases(v *scenario.Validation, path string) {
	for _, o := range []struct {
		field     string
		is, above scenario.Duration
		of        string
	}{
		{"leaseDuration", k.LeaseDuration, k.LeaseRenewDeadline, "leaseRenewDeadline"},
		{"leaseRenewDeadline", k.LeaseRenewDeadline, k.LeaseRetryPeriod * 6 / 5, "1.2 times leaseRetryPeriod"},
		{"leaseRetryPeriod", k.LeaseRetryPeriod, 0, ""},
	} {
		if o.is.Std()%time.Second != 0 || o.is <= 0 {
			v.Add(path+"."+o.field, "seen %s, want whole seconds", o.is)
		} else if o.is <= o.above {
			v.Add(path+"."+o.field, "seen %s, want more than %s, %s", o.is, o.of, o.above)
		}
	}
}

// Images returns the catalogue's entries.
func (*Addon) Images() []image.Entry {
	return []image.Entry{{Name: "kube-vip", What: "addresses of Services on nodes, by ARP or BGP", Version: defaultVersion,
		Recipe: (*build.Builder).KubeVip}}
}
