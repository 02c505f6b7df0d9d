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
	// Link is the number of a link of the network's bond, counted from 1; default: the bond itself.
	Link int `json:"link,omitempty" help:"this link of the network's bond only, counted from 1"`
	Lasting
	noDefaults
}

// About describes the fault.
func (*LinkDown) About() About { return About{What: "its link on a network down"} }

// Validate checks the node and the network.
func (f *LinkDown) Validate(v *scenario.Validation, path string) {
	oneLink(v, path, "linkDown", f.Node, f.Network)
	if bond := v.NetworkBond(f.Network); f.Link < 0 || f.Link > 0 && (bond == nil || f.Link > bond.Links) {
		v.Add(path+".link", "seen %d, want the number of a link of a network with a bond, from 1", f.Link)
	}
}

// String describes the fault.
func (f *LinkDown) String() string {
	return words(f, strings.Join(strings.Fields("link "+f.Network+" of "+f.Node+" down"), " "), "network")
}

// Bound is the bound of a node that loses the link. A bond loses no more than the time to the next look at the carrier.
func (f *LinkDown) Bound(c Case) *bound.Bound {
	if f.Link > 0 {
		return c.bondLink(f.Network)
	}
	return c.cut(f.Node)
}

// APIBound is the bound of a silent control plane. A bond has further links.
func (f *LinkDown) APIBound(p *plan.Plan) *bound.Bound {
	if f.Link > 0 {
		return nil
	}
	return apiSilent(p, f.Node)
}

func (f *LinkDown) action(s spot) action { return &link{spot: s, network: f.Network, number: f.Link} }
