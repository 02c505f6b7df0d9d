package fault

import "skidpad.dev/skidpad/lab/scenario"

// RateLimit limits the packets that this node sends to Rate (tc-tbf(8)).
type RateLimit struct {
	Node string `json:"rateLimit"`
	// Network is the network of the packets; default: all networks of the node.
	Network string `json:"network,omitempty"`
	// Rate is in bits a second as tc(8) spells them: 500kbit, 10mbit.
	Rate string `json:"rate" help:"bits a second: 500kbit, 10mbit"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*RateLimit) About() About {
	return About{What: "what it sends is limited to a rate such as 10mbit", Requires: "NET_SCH_TBF", Unbounded: "the excess of packets is lost as long as the fault lasts"}
}

// Validate checks the node, the network and the rate.
func (f *RateLimit) Validate(v *scenario.Validation, path string) {
	onNetwork(v, path, "rateLimit", f.Node, f.Network)
	if _, err := scenario.ParseRate(f.Rate); err != nil {
		v.Add(path+".rate", "%v", err)
	}
}

// String describes the fault.
func (f *RateLimit) String() string { return words(f, "rate limit of "+f.Node) }

func (f *RateLimit) action(s spot) action { return &queue{spot: s, network: f.Network} }

// queues limits the rate. Of two limits, the lower limit is in force.
func (f *RateLimit) queues(network string, s *sending) {
	rate, err := scenario.ParseRate(f.Rate)
	if err == nil && (f.Network == "" || f.Network == network) && (s.Rate == 0 || rate < s.Rate) {
		s.Rate = rate
	}
}
