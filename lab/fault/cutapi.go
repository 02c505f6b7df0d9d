package fault

import (
	"context"
	"errors"
	"net/netip"

	"skidpad.dev/skidpad/lab/scenario"
)

// CutAPI parts a cluster node, with its pods, from the API server.
type CutAPI struct {
	Node string `json:"cutAPI"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*CutAPI) About() About {
	return About{What: "nothing passes between a node, with its pods, and the API server", Requires: netdevOptions, Unbounded: "the node forwards packets without the API server"}
}

// Validate checks the node.
func (f *CutAPI) Validate(v *scenario.Validation, path string) {
	clusterNode(v, path+".cutAPI", f.Node)
}

// String describes the fault.
func (f *CutAPI) String() string { return words(f, "cut "+f.Node+" from the API server") }

func (f *CutAPI) action(s spot) action {
	return s.filter(func(ctx context.Context) ([]layer, error) { return f.layers(ctx, s) })
}

// layers drops the packets to and from every API server. On a control plane the packets pass the node's own loopback device,
// too.
func (f *CutAPI) layers(ctx context.Context, s spot) ([]layer, error) {
	l := layer{at: s.at}
	for _, n := range s.in.plan.Cluster.Nodes {
		if !n.ControlPlane {
			continue
		}
		have, err := s.in.inspect(ctx, n.Name)
		if err != nil {
			return nil, err
		}
		devices := []string{s.at.device("")}
		if n.Name == s.at.container {
			devices = append(devices, "lo")
		}
		for _, ep := range endpointsOf(have) {
			for _, a := range ep.addresses() {
				l.drops = append(l.drops, cut(devices, netip.AddrPortFrom(a, apiPort))...)
			}
		}
	}
	if e := s.in.plan.Cluster.APIEndpoint; e != nil {
		l.drops = append(l.drops, cut([]string{s.at.device(""), "lo"}, netip.AddrPortFrom(e.Address, uint16(e.Port)))...)
	}
	if len(l.drops) == 0 {
		return nil, errors.New("no control plane has an address; is one running? see `skidpad status`")
	}
	return []layer{l}, nil
}

// cut drops the packets to a server and from the server.
func cut(devices []string, server netip.AddrPort) []drop {
	ether := uint16(etherIPv4)
	if server.Addr().Is6() {
		ether = etherIPv6
	}
	var drops []drop
	for _, dev := range devices {
		drops = append(drops,
			drop{Device: dev, Egress: true, Match: match{Ether: ether, L4: protoTCP, DPort: server.Port(), DAddr: server.Addr()}},
			drop{Device: dev, Match: match{Ether: ether, L4: protoTCP, SPort: server.Port(), SAddr: server.Addr()}})
	}
	return drops
}
