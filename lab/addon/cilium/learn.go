package cilium

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/scenario"
)

var (
	_ addon.Learner = (*Addon)(nil)
	_ addon.Leaver  = (*Addon)(nil)
)

var agentImage = regexp.MustCompile(`/cilium(-ci)?[:@]`)

// The times of sessions without times in their objects (https://docs.cilium.io, BGP Control Plane Resources).
const (
	defaultHold  = 90 * time.Second
	defaultRetry = 120 * time.Second
)

// versions are the versions of Cilium's resources, the preferred first.
var versions = []string{"v2", "v2alpha1"}

// Learn fills in the fields from Cilium's ConfigMap and resources.
func (c *Addon) Learn(ctx context.Context, in *addon.Cluster) (*addon.Learned, error) {
	set, agent := in.Set(agentImage)
	if set == nil {
		return nil, nil
	}
	c.Version = addon.VersionOf(agent.Image)
	out := &addon.Learned{Version: c.Version}
	config, err := in.Client.CoreV1().ConfigMaps(set.Namespace).Get(ctx, "cilium-config", metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("ConfigMap %s/cilium-config: %w", set.Namespace, err)
	}
	if config.Data["ipam"] == "cluster-pool" {
		for _, name := range []string{"cluster-pool-ipv4-cidr", "cluster-pool-ipv6-cidr"} {
			for _, text := range strings.Fields(strings.ReplaceAll(config.Data[name], ",", " ")) {
				if p, err := netip.ParsePrefix(text); err == nil {
					out.Prefixes = append(out.Prefixes, p.Masked())
				}
			}
		}
	}
	if _, err := in.Client.AppsV1().Deployments(set.Namespace).Get(ctx, "hubble-relay", metav1.GetOptions{}); err == nil {
		c.Hubble = &Hubble{Relay: true}
	} else if !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("hubble-relay: %w", err)
	}
	if err := c.learnPools(ctx, in); err != nil {
		return nil, err
	}
	if config.Data["enable-l2-announcements"] == "true" {
		if err := c.learnL2(ctx, in, config.Data); err != nil {
			return nil, err
		}
	}
	if out.Notes, err = in.Fights(ctx, config.Data["kube-proxy-replacement"] == "true", false); err != nil {
		return nil, err
	}
	if config.Data["enable-bgp-control-plane"] == "true" {
		notes, err := c.learnBGP(ctx, in)
		if err != nil {
			return nil, err
		}
		out.Notes = append(out.Notes, notes...)
	}
	return out, nil
}

func (c *Addon) learnPools(ctx context.Context, in *addon.Cluster) error {
	type spec struct {
		Blocks []struct {
			CIDR  string `json:"cidr"`
			Start string `json:"start"`
			Stop  string `json:"stop"`
		} `json:"blocks"`
		ServiceSelector *metav1.LabelSelector `json:"serviceSelector"`
		Disabled        bool                  `json:"disabled"`
	}
	pools, err := addon.Specs[spec](ctx, in, "cilium.io", "ciliumloadbalancerippools", versions...)
	for _, p := range pools {
		for _, b := range p.Spec.Blocks {
			pool := scenario.Pool{Name: p.Name}
			if p.Spec.ServiceSelector != nil {
				pool.ServiceSelector = p.Spec.ServiceSelector.MatchLabels
			}
			if prefix, err := netip.ParsePrefix(b.CIDR); err == nil {
				pool.CIDR = prefix.Masked()
			} else {
				pool.Range = b.Start + "-" + cmp.Or(b.Stop, b.Start)
			}
			if !p.Spec.Disabled {
				c.LoadBalancerPools = append(c.LoadBalancerPools, pool)
			}
		}
	}
	return err
}

func (c *Addon) learnL2(ctx context.Context, in *addon.Cluster, config map[string]string) error {
	type spec struct {
		Interfaces      []string              `json:"interfaces"`
		ServiceSelector *metav1.LabelSelector `json:"serviceSelector"`
		LoadBalancerIPs bool                  `json:"loadBalancerIPs"`
	}
	policies, err := addon.Specs[spec](ctx, in, "cilium.io", "ciliuml2announcementpolicies", "v2alpha1", "v2")
	for _, p := range policies {
		if !p.Spec.LoadBalancerIPs {
			continue
		}
		if c.L2 == nil {
			c.L2 = &L2{}
		}
		c.L2.Interfaces = append(c.L2.Interfaces, p.Spec.Interfaces...)
		if p.Spec.ServiceSelector != nil {
			c.L2.ServiceSelector = p.Spec.ServiceSelector.MatchLabels
		}
	}
	if c.L2 == nil {
		return err
	}
	for name, to := range map[string]*scenario.Duration{
		"l2-announcements-lease-duration": &c.L2.LeaseDuration, "l2-announcements-renew-deadline": &c.L2.LeaseRenewDeadline, "l2-announcements-retry-period": &c.L2.LeaseRetryPeriod,
	} {
		if d, err := time.ParseDuration(config[name]); err == nil {
			*to = scenario.Duration(d)
		}
	}
	c.L2.setDefaults()
	return err
}

// The parts of the BGP resources that a lab needs.
type (
	clusterConfig struct {
		NodeSelector *metav1.LabelSelector `json:"nodeSelector"`
		BGPInstances []struct {
			Name      string `json:"name"`
			LocalASN  int64  `json:"localASN"`
			LocalPort int64  `json:"localPort"`
			Peers     []struct {
				PeerASN       int64  `json:"peerASN"`
				PeerAddress   string `json:"peerAddress"`
				PeerConfigRef *struct {
					Name string `json:"name"`
				} `json:"peerConfigRef"`
			} `json:"peers"`
		} `json:"bgpInstances"`
	}
	peerConfig struct {
		Timers struct {
			ConnectRetryTimeSeconds int64 `json:"connectRetryTimeSeconds"`
			HoldTimeSeconds         int64 `json:"holdTimeSeconds"`
			KeepAliveTimeSeconds    int64 `json:"keepAliveTimeSeconds"`
		} `json:"timers"`
		EBGPMultihop    int64 `json:"ebgpMultihop"`
		GracefulRestart struct {
			Enabled            bool  `json:"enabled"`
			RestartTimeSeconds int64 `json:"restartTimeSeconds"`
		} `json:"gracefulRestart"`
		Families []struct {
			Afi            string                `json:"afi"`
			Advertisements *metav1.LabelSelector `json:"advertisements"`
		} `json:"families"`
	}
	advertisement struct {
		Advertisements []struct {
			AdvertisementType string `json:"advertisementType"`
			Service           *struct {
				Addresses []string `json:"addresses"`
			} `json:"service"`
			Selector *metav1.LabelSelector `json:"selector"`
		} `json:"advertisements"`
	}
)

// learnBGP fills in the speakers of the nodes. Several configurations, and configurations of some nodes, are instances.
func (c *Addon) learnBGP(ctx context.Context, in *addon.Cluster) (notes []string, err error) {
	configs, err := addon.Specs[clusterConfig](ctx, in, "cilium.io", "ciliumbgpclusterconfigs", versions...)
	if err != nil || len(configs) == 0 {
		return nil, err
	}
	peerConfigs, err := addon.Specs[peerConfig](ctx, in, "cilium.io", "ciliumbgppeerconfigs", versions...)
	if err != nil {
		return nil, err
	}
	byName := map[string]peerConfig{}
	for _, p := range peerConfigs {
		byName[p.Name] = p.Spec
	}
	advertisements, err := addon.Specs[advertisement](ctx, in, "cilium.io", "ciliumbgpadvertisements", versions...)
	if err != nil {
		return nil, err
	}
	c.BGP = &BGP{HoldTime: scenario.Duration(defaultHold)}
	for _, conf := range configs {
		nodes, err := in.NodesWith(conf.Spec.NodeSelector)
		if err != nil {
			return nil, fmt.Errorf("ciliumbgpclusterconfigs %s: %w", conf.Name, err)
		}
		for _, instance := range conf.Spec.BGPInstances {
			out := scenario.NodeInstance{Name: instance.Name, Nodes: nodes, ASN: uint32(instance.LocalASN), Port: int(instance.LocalPort)} //nolint:gosec // an AS number
			for _, p := range instance.Peers {
				peer, note := in.Peer(p.PeerAddress, uint32(p.PeerASN)) //nolint:gosec // an AS number
				if note != "" {
					notes = append(notes, note)
				}
				name := ""
				if p.PeerConfigRef != nil {
					name = p.PeerConfigRef.Name
				}
				if peer.Router == "" {
					continue // no session with the lab
				}
				byName[name].fill(&peer)
				c.advertised(byName[name], advertisements)
				out.Peers = append(out.Peers, peer)
			}
			if nodes == nil && len(configs) == 1 && len(conf.Spec.BGPInstances) == 1 {
				c.BGP.ASN, c.BGP.Peers = out.ASN, out.Peers
				continue
			}
			if nodes == nil {
				out.Nodes = in.All()
			}
			c.BGP.Instances = append(c.BGP.Instances, out)
		}
	}
	return notes, nil
}

// fill sets the times and the options of a session.
func (p peerConfig) fill(peer *scenario.NodePeer) {
	seconds := func(n int64) scenario.Duration { return scenario.Duration(time.Duration(n) * time.Second) }
	peer.Timers = &scenario.Timers{HoldTime: seconds(p.Timers.HoldTimeSeconds), Keepalive: seconds(p.Timers.KeepAliveTimeSeconds), ConnectRetry: seconds(p.Timers.ConnectRetryTimeSeconds)}
	scenario.Or(&peer.Timers.HoldTime, scenario.Duration(defaultHold))
	scenario.Or(&peer.Timers.Keepalive, scenario.Duration(min(defaultHold, peer.Timers.HoldTime.Std())/3))
	scenario.Or(&peer.Timers.ConnectRetry, scenario.Duration(defaultRetry))
	peer.Multihop = int(p.EBGPMultihop)
	if peer.Multihop == 1 {
		peer.Multihop = 0
	}
	if p.GracefulRestart.Enabled {
		peer.GracefulRestart = &scenario.NodeRestart{Enabled: true, RestartTime: seconds(cmp.Or(p.GracefulRestart.RestartTimeSeconds, 120))}
	}
	for _, f := range p.Families {
		peer.Families = append(peer.Families, scenario.IPFamily(f.Afi))
	}
}

// advertised adds the kinds of addresses that a peer's configuration selects.
func (c *Addon) advertised(p peerConfig, all []addon.Named[advertisement]) {
	spelling := map[string]scenario.Advertisement{
		"ClusterIP": scenario.AdvertiseClusterIP, "ExternalIP": scenario.AdvertiseExternalIP, "LoadBalancerIP": scenario.AdvertiseLoadBalancer,
	}
	add := func(kind scenario.Advertisement) {
		for _, have := range c.BGP.Advertise {
			if have.Kind == kind {
				return
			}
		}
		c.BGP.Advertise = append(c.BGP.Advertise, scenario.Announcement{Kind: kind})
	}
	for _, f := range p.Families {
		by, err := metav1.LabelSelectorAsSelector(f.Advertisements)
		if err != nil || f.Advertisements == nil {
			continue
		}
		for _, a := range all {
			if !by.Matches(labels.Set(a.Labels)) {
				continue
			}
			for _, entry := range a.Spec.Advertisements {
				switch {
				case entry.AdvertisementType == "PodCIDR":
					add(scenario.AdvertisePodCIDR)
				case entry.Service != nil:
					for _, address := range entry.Service.Addresses {
						add(spelling[address])
					}
				}
			}
		}
	}
}

// identities are the sets of labels of pods. The operator removes an unused identity after a quarter of an hour.
var identities = schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumidentities"}

// Leave deletes the identities of the lab's pods.
func (c *Addon) Leave(ctx context.Context, kube *cluster.Kube, lab string) error {
	list, err := kube.Dynamic.Resource(identities).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("identities of the lab's pods: %w", err)
	}
	for _, o := range list.Items {
		if of, _, _ := unstructured.NestedString(o.Object, "security-labels", "k8s:dev.skidpad.lab"); of != lab {
			continue
		}
		if err := kube.Dynamic.Resource(identities).Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("identity %s of the lab's pods: %w", o.GetName(), err)
		}
	}
	return nil
}
