package fault

import (
	"fmt"

	"skidpad.dev/skidpad/lab/scenario"
)

// WrongNeighbor gives this node a wrong MAC for Peer, for good.
type WrongNeighbor struct {
	Node string `json:"wrongNeighbor"`
	// Network is the network of the peer; default: the first network of the node where the peer has an address.
	Network string `json:"network,omitempty"`
	// Peer is a node, a gateway or an address.
	Peer string `json:"peer"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*WrongNeighbor) About() About {
	return About{What: "a wrong MAC for a peer, for good", Unbounded: "packets to the peer are lost as long as the fault lasts"}
}

// Validate checks the node, the network and the peer.
func (f *WrongNeighbor) Validate(v *scenario.Validation, path string) {
	onNetwork(v, path, "wrongNeighbor", f.Node, f.Network)
	neighbourOf(v, path+".peer", f.Peer)
}

// String describes the fault.
func (f *WrongNeighbor) String() string {
	return words(f, fmt.Sprintf("wrong neighbour %s on %s", f.Peer, f.Node), "peer")
}

func (f *WrongNeighbor) action(s spot) action {
	return &neighbor{spot: s, network: f.Network, peer: f.Peer, state: neighborPermanent}
}
