package fault

import "skidpad.dev/skidpad/lab/scenario"

// Corrupt changes a bit in Percent of the packets that this node sends (tc-netem(8)). Receivers drop such a packet, because
// its checksum is wrong.
type Corrupt struct {
	Node string `json:"corrupt"`
	// Network is the network of the packets; default: all networks of the node.
	Network string `json:"network,omitempty"`
	// Percent is the share of changed packets. Of several faults, the largest share is in force.
	Percent float64 `json:"percent" jsonschema:"exclusiveMinimum=0,maximum=100" help:"of packets"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*Corrupt) About() About {
	return About{What: "a bit of packets that it sends changed at random", Requires: "NET_SCH_NETEM", Unbounded: "packets are lost at random as long as the fault lasts"}
}

// Validate checks the node and the network.
func (f *Corrupt) Validate(v *scenario.Validation, path string) {
	onNetwork(v, path, "corrupt", f.Node, f.Network)
}

// String describes the fault.
func (f *Corrupt) String() string { return words(f, "corrupt packets of "+f.Node) }

func (f *Corrupt) action(s spot) action { return &queue{spot: s, network: f.Network} }

// queues sets the share.
func (f *Corrupt) queues(network string, s *sending) {
	if f.Network == "" || f.Network == network {
		s.Corrupt = max(s.Corrupt, f.Percent)
	}
}
