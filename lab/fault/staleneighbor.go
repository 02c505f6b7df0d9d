package fault

import (
	"fmt"

	"skidpad.dev/skidpad/lab/scenario"
)

// StaleNeighbor gives this node a wrong MAC for Peer, until the kernel asks again.
type StaleNeighbor struct {
	Node string `json:"staleNeighbor"`
	// Network is the network of the peer; default: the first network of the node where the peer has an address.
	Network string `json:"network,omitempty"`
	// Peer is a node, a gateway or an address.
	Peer string `json:"peer"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*StaleNeighbor) About() About {
	return About{What: "a wrong MAC for a peer, until the kernel asks again", Unbounded: "the kernel chooses a random time to ask again"}
}

// Validate checks the node, the network and the peer.
func (f *StaleNeighbor) Validate(v *scenario.Validation, path string) {
	onNetwork(v, path, "staleNeighbor", f.Node, f.Network)
	neighbourOf(v, path+".peer", f.Peer)
}

// String describes the fault.
func (f *StaleNeighbor) String() string {
	return words(f, fmt.Sprintf("stale neighbour %s on %s", f.Peer, f.Node), "peer")
}

func (f *StaleNeighbor) action(s spot) action {
	return &neighbor{spot: s, network: f.Network, peer: f.Peer, state: neighborStale}
}
