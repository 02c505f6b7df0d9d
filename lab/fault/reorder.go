package fault

import (
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// Reorder lets Percent of the packets that this node sends overtake the others: these are late by Delay (tc-netem(8)).
type Reorder struct {
	Node string `json:"reorder"`
	// Network is the network of the packets; default: all networks of the node.
	Network string `json:"network,omitempty"`
	// Percent is the share of packets that overtake others. Of several faults, the largest share is in force.
	Percent float64 `json:"percent" jsonschema:"exclusiveMinimum=0,maximum=100" help:"of packets"`
	// Delay is the delay of the other packets; default 10ms. Delays of several faults add up.
	Delay scenario.Duration `json:"delay,omitempty" help:"delay of the packets that are overtaken"`
	Lasting
}

// SetDefaults fills in Delay.
func (f *Reorder) SetDefaults(*scenario.Spec) {
	scenario.Or(&f.Delay, scenario.Duration(10*time.Millisecond))
}

// About describes the fault.
func (*Reorder) About() About {
	return About{What: "packets that it sends overtake others at random", Requires: "NET_SCH_NETEM", Unbounded: "packets are late as long as the fault lasts"}
}

// Validate checks the node and the network.
func (f *Reorder) Validate(v *scenario.Validation, path string) {
	onNetwork(v, path, "reorder", f.Node, f.Network)
}

// String describes the fault.
func (f *Reorder) String() string { return words(f, "reorder packets of "+f.Node) }

func (f *Reorder) action(s spot) action { return &queue{spot: s, network: f.Network} }

// queues sets the share and the delay.
func (f *Reorder) queues(network string, s *sending) {
	if f.Network == "" || f.Network == network {
		s.Reorder = max(s.Reorder, f.Percent)
		s.Delay += f.Delay.Std()
	}
}
