package plan

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"

	"skidpad.dev/skidpad/lab/scenario"
)

// SecretObject is a Kubernetes Secret. The plan's JSON has marks in place of the values.
type SecretObject struct {
	Namespace string                     `json:"namespace"`
	Name      string                     `json:"name"`
	Type      string                     `json:"type,omitempty"` // default Opaque
	Values    map[string]scenario.Secret `json:"values"`
}

// Peer is a peer with sessions to nodes, with the settings of the scenario.
type Peer struct {
	scenario.NodePeer
	Name    string // of the router, or a name for the address
	ASN     uint32
	Address netip.Addr // on the network of the nodes; invalid without a session over IPv4
	// Address6 is invalid without a session over IPv6.
	Address6 netip.Addr
}

// Peers returns the peers on a network of nodes. An empty network means the cluster's network. A peer with an address of its own
// is on every network.
func (b *Builder) Peers(peers []scenario.NodePeer, network string) []Peer {
	network = cmp.Or(network, b.b.clusterNetwork())
	var all []Peer
	for _, p := range peers {
		out := Peer{NodePeer: p, Name: p.Name(), ASN: p.ASN}
		if a := p.Address; a != nil {
			if a.Is4() {
				out.Address = *a
			} else {
				out.Address6 = *a
			}
		} else {
			r := b.b.spec.Routers[b.b.routerIndex(p.Router)]
			if !p.Loopback && !slices.Contains(r.Networks, network) {
				continue
			}
			if r.BGP != nil {
				scenario.Or(&out.ASN, r.BGP.ASN)
			}
			if p.Loopback {
				out.Address, out.Address6 = b.b.routedLoopbacks(r)
			} else {
				out.Address, out.Address6 = b.b.routerAddress(p.Router, network)
			}
		}
		if !p.V4() {
			out.Address = netip.Addr{}
		}
		if !p.V6() {
			out.Address6 = netip.Addr{}
		}
		all = append(all, out)
	}
	return all
}

// Speakers are nodes with the same speakers and peers.
type Speakers struct {
	// Rack is the network of the nodes, in a cluster with racks.
	Rack string
	// Nodes are the nodes in scenario files. nil means every node of the rack, or of the cluster.
	Nodes     []string
	Instances []SpeakerInstance
}

// SpeakerInstance is one speaker of a node, with the peers on the node's network.
type SpeakerInstance struct {
	scenario.NodeInstance
	Peers []Peer
}

// Speakers groups the nodes by the configuration of their speakers. Nodes without peers are left out.
func (b *Builder) Speakers(n *scenario.NodeSpeaker) []Speakers {
	c := b.Spec().Cluster
	if len(c.Racks) == 0 {
		return b.speakersOn(n, "", b.Spec().NodeNames())
	}
	var all []Speakers
	for _, rack := range c.Racks {
		all = append(all, b.speakersOn(n, rack.Network, rack.Nodes)...)
	}
	return all
}

// speakersOn groups the nodes on a network.
func (b *Builder) speakersOn(n *scenario.NodeSpeaker, network string, nodes []string) []Speakers {
	var all []Speakers
	at := map[string]int{}
	for _, node := range nodes {
		instances := n.At(node)
		key, _ := json.Marshal(instances)
		i, ok := at[string(key)]
		if !ok {
			s := Speakers{Rack: network}
			for _, in := range instances {
				if peers := b.Peers(in.Peers, network); len(peers) > 0 {
					s.Instances = append(s.Instances, SpeakerInstance{NodeInstance: in, Peers: peers})
				}
			}
			i, at[string(key)] = len(all), len(all)
			all = append(all, s)
		}
		all[i].Nodes = append(all[i].Nodes, node)
	}
	if len(all) == 1 {
		all[0].Nodes = nil
	}
	return slices.DeleteFunc(all, func(s Speakers) bool { return len(s.Instances) == 0 })
}
