package metallb

import (
	"context"
	"net/netip"
	"regexp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/scenario"
)

var _ addon.Learner = (*Addon)(nil)

var speakerImage = regexp.MustCompile(`metallb[/-]speaker[:@]`)

// group is the group of MetalLB's resources.
const group = "metallb.io"

// defaultHold is the hold time of a session without a hold time in its BGPPeer.
const defaultHold = 90 * time.Second

// Learn fills in the fields from the speakers and MetalLB's resources.
func (m *Addon) Learn(ctx context.Context, in *addon.Cluster) (*addon.Learned, error) {
	set, speaker := in.Set(speakerImage)
	if set == nil {
		return nil, nil
	}
	m.Version = addon.VersionOf(speaker.Image)
	out := &addon.Learned{Version: m.Version}
	env := map[string]string{}
	for _, e := range speaker.Env {
		env[e.Name] = e.Value
	}
	type pool struct {
		Addresses         []string `json:"addresses"`
		ServiceAllocation *struct {
			ServiceSelectors []metav1.LabelSelector `json:"serviceSelectors"`
		} `json:"serviceAllocation"`
	}
	pools, err := addon.Specs[pool](ctx, in, group, "ipaddresspools", "v1beta1")
	if err != nil {
		return nil, err
	}
	for _, p := range pools {
		for _, a := range p.Spec.Addresses {
			learned := scenario.Pool{Name: p.Name, Range: a}
			if prefix, err := netip.ParsePrefix(a); err == nil {
				learned.CIDR, learned.Range = prefix.Masked(), ""
			}
			if s := p.Spec.ServiceAllocation; s != nil && len(s.ServiceSelectors) > 0 {
				learned.ServiceSelector = s.ServiceSelectors[0].MatchLabels
			}
			m.Pools = append(m.Pools, learned)
		}
	}
	type any struct{} // the existence counts
	l2, err := addon.Specs[any](ctx, in, group, "l2advertisements", "v1beta1")
	if err != nil {
		return nil, err
	}
	if len(l2) > 0 {
		_, gossip := env["METALLB_ML_BIND_ADDR"]
		m.L2 = &L2{Memberlist: &gossip}
	}
	notes, err := in.Fights(ctx, false, m.L2 != nil)
	if err != nil {
		return nil, err
	}
	out.Notes, err = m.learnPeers(ctx, in, env["METALLB_BGP_TYPE"])
	out.Notes = append(notes, out.Notes...)
	return out, err
}

// learnPeers fills in the sessions of the speakers with routers of the lab. MetalLB's speakers have one AS number.
func (m *Addon) learnPeers(ctx context.Context, in *addon.Cluster, backend string) (notes []string, err error) {
	type spec struct {
		MyASN         int64                   `json:"myASN"`
		PeerASN       int64                   `json:"peerASN"`
		PeerAddress   string                  `json:"peerAddress"`
		HoldTime      string                  `json:"holdTime"`
		NodeSelectors []*metav1.LabelSelector `json:"nodeSelectors"`
		Graceful      bool                    `json:"enableGracefulRestart"`
	}
	peers, err := addon.Specs[spec](ctx, in, group, "bgppeers", "v1beta2", "v1beta1")
	if err != nil || len(peers) == 0 {
		return nil, err
	}
	m.BGP = &BGP{ASN: uint32(peers[0].Spec.MyASN), Backend: nativeBackend} //nolint:gosec // an AS number
	if backend != "" {
		m.BGP.Backend = backend
	}
	for _, p := range peers {
		peer, note := in.Peer(p.Spec.PeerAddress, uint32(p.Spec.PeerASN)) //nolint:gosec // an AS number
		if note != "" {
			notes = append(notes, note)
			continue // no session with the lab
		}
		if peer.Nodes, err = in.NodesWith(p.Spec.NodeSelectors...); err != nil {
			return nil, err
		}
		hold := defaultHold
		if d, err := time.ParseDuration(p.Spec.HoldTime); err == nil {
			hold = d
		}
		m.BGP.HoldTime = max(m.BGP.HoldTime, scenario.Duration(hold))
		m.BGP.GracefulRestart = m.BGP.GracefulRestart || p.Spec.Graceful
		m.BGP.Peers = append(m.BGP.Peers, peer)
	}
	return notes, nil
}
