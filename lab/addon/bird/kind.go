// Package bird is the addon bird: BIRD on the nodes.
package bird

import (
	"fmt"
	"slices"

	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is BIRD 2 on every node, beside a CNI that speaks no BGP itself. Each node announces the cluster's whole pod CIDR to the
// routers and learns nothing from them.
type Addon struct {
	// ASN and Peers are of the nodes outside of all instances.
	ASN   uint32              `json:"asn,omitempty" jsonschema:"minimum=1,maximum=4294967295"`
	Peers []scenario.NodePeer `json:"peers,omitempty"`
	// Instances are speakers of some nodes, with an ASN and peers of their own; at most one for a node.
	Instances []scenario.NodeInstance `json:"instances,omitempty"`
	// BFD must be on in the routers' peer entries for the nodes, too; default none.
	BFD      *scenario.BFD     `json:"bfd,omitempty"`
	HoldTime scenario.Duration `json:"holdTime,omitempty"` // default 9 s
	// GracefulRestart has routers keep the routes while BIRD is away (RFC 4724); default false.
	GracefulRestart bool `json:"gracefulRestart,omitempty"`
	// Local lets another speaker of the node peer with BIRD. BIRD announces the speaker's routes to the routers; default none.
	Local *Local `json:"local,omitempty"`
}

// Local is another speaker on the node, such as MetalLB's, that opens a session to BIRD at 127.0.0.1.
type Local struct {
	ASN uint32 `json:"asn" jsonschema:"minimum=1,maximum=4294967295"` // of the other speaker, another than BIRD's
	// Port is BIRD's TCP port for the session; default 1790.
	Port int `json:"port,omitempty" jsonschema:"minimum=1024,maximum=65535"`
}

var _ scenario.NodeSpeaking = (*Addon)(nil)

// Daemons are the programs on the nodes.
func (*Addon) Daemons() []string { return []string{"bird"} }

// SetDefaults fills in the fields that the file leaves out.
func (o *Addon) SetDefaults(*scenario.Spec) {
	scenario.Or(&o.HoldTime, scenario.DefaultHoldTime)
	o.BFD.SetDefaults()
	if o.Local != nil {
		scenario.Or(&o.Local.Port, 1790)
	}
	for _, p := range o.NodeSpeaker().AllPeers() {
		p.BFD.SetDefaults()
	}
}

// Roles returns the work of the addon in the cluster.
func (*Addon) Roles() []scenario.Role { return []scenario.Role{scenario.RoleBGP} }

// NodeSpeaker returns BIRD.
func (o *Addon) NodeSpeaker() *scenario.NodeSpeaker {
	return &scenario.NodeSpeaker{ASN: o.ASN, Peers: o.Peers, Instances: o.Instances, Can: abilities, GracefulRestart: &o.GracefulRestart, HoldTime: o.HoldTime, BFD: o.BFD, CanBFD: true, WholePodCIDR: true, Process: "bird"}
}

// abilities are the settings of a session.
const abilities = scenario.NodePassword | scenario.NodeSelection | scenario.NodeFamilies | scenario.NodeMultihop | scenario.NodePort |
	scenario.NodeSourceAddress | scenario.NodeTiming | scenario.NodeRestarting | scenario.NodeBFD | scenario.NodeAddress

// Validate checks the fields.
func (o *Addon) Validate(v *scenario.Validation, path string) {
	v.Speaks(path, o.NodeSpeaker())
	first := map[string]int{}
	for i, in := range o.Instances {
		for _, node := range in.Nodes {
			if j, ok := first[node]; ok {
				v.Add(fmt.Sprintf("%s.instances[%d].nodes", path, i), "seen %s, which is in instances[%d] too, want one instance of BIRD for a node", node, j)
			}
			first[node] = i
		}
		if in.Port != 0 {
			v.Add(fmt.Sprintf("%s.instances[%d].port", path, i), "seen %d, want none: BIRD on the nodes opens the sessions", in.Port)
		}
	}
	v.NodesBFD(path+".bfd", o.BFD, o.Peers)
	if l := o.Local; l != nil {
		v.NeedsIPv4(path+".local", "another speaker behind BIRD")
		v.ASN(path+".local.asn", l.ASN)
		if l.ASN == o.ASN || slices.ContainsFunc(o.Instances, func(in scenario.NodeInstance) bool { return in.ASN == l.ASN }) {
			v.Add(path+".local.asn", "seen %d, BIRD's own, want another: BIRD passes routes on to external peers", l.ASN)
		}
	}
}
