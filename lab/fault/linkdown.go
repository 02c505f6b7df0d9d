package fault

import (
	"strings"

	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// LinkDown takes the link to Network down on that node. A node with one link needs no Network.
type LinkDown struct {
	Node string `json:"linkDown"`
	// Network is the network of the link.
	Network string `json:"network,omitempty" help:"on this network only"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*LinkDown) About() About { return About{What: "its link on a network down"} }

// Validate checks the node and the network.
func (f *LinkDown) Validate(v *scenario.Validation, path string) {
	oneLink(v, path, "linkDown", f.Node, f.Network)
}

// String describes the fault.
func (f *LinkDown) String() string {
	return words(f, strings.Join(strings.Fields("link "+f.Network+" of "+f.Node+" down"), " "), "network")
}

// Bound is the bound of a node that loses the link.
func (f *LinkDown) Bound(c Case) *bound.Bound { return c.cut(f.Node) }

// APIBound is the bound of a silent control plane.
func (f *LinkDown) APIBound(p *plan.Plan) *bound.Bound { return apiSilent(p, f.Node) }

func (f *LinkDown) action(s spot) action { return &link{spot: s, network: f.Network} }
