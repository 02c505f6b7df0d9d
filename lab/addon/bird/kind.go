// Package bird is the addon bird: BIRD on the nodes.
package bird

import (
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is BIRD 2 on every node, beside a CNI that speaks no BGP itself. Each node announces the cluster's whole pod CIDR to the
// routers and learns nothing from them.
type Addon struct {
	ASN   uint32              `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers []scenario.NodePeer `json:"peers"`
	// BFD must be on in the routers' peer entries for the nodes, too; default none.
	BFD      *scenario.BFD     `json:"bfd,omitempty"`
	HoldTime scenario.Duration `json:"holdTime,omitempty"` // default 9 s
	// GracefulRestart has routers keep the routes while BIRD is away (RFC 4724); default false.
	GracefulRestart bool `json:"gracefulRestart,omitempty"`
}

var _ scenario.NodeSpeaking = (*Addon)(nil)

// Daemons are the programs on the nodes.
func (*Addon) Daemons() []string { return []string{"bird"} }

// SetDefaults fills in the fields that the file leaves out.
func (o *Addon) SetDefaults(*scenario.Spec) {
	scenario.Or(&o.HoldTime, scenario.DefaultHoldTime)
	o.BFD.SetDefaults()
}

// Roles returns the work of the addon in the cluster.
func (*Addon) Roles() []scenario.Role { return []scenario.Role{scenario.RoleBGP} }

// NodeSpeaker returns BIRD.
func (o *Addon) NodeSpeaker() *scenario.NodeSpeaker {
	return &scenario.NodeSpeaker{ASN: o.ASN, Peers: o.Peers, GracefulRestart: &o.GracefulRestart, BFD: o.BFD, CanBFD: true, WholePodCIDR: true, Process: "bird"}
}

// Validate checks the fields.
func (o *Addon) Validate(v *scenario.Validation, path string) {
	v.NeedsIPv4(path, "bird")
	v.Speaks(path, o.NodeSpeaker(), o.HoldTime)
	v.NodesBFD(path+".bfd", o.BFD, o.Peers)
}
