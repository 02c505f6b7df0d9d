package scenario

// NodeBIRD is BIRD 2 on every node, beside a CNI that speaks no BGP itself. Each node announces the whole of the cluster's
// pod CIDR to the routers and learns nothing from them.
type NodeBIRD struct {
	ASN   uint32   `json:"asn" jsonschema:"minimum=1,maximum=4294967295"`
	Peers []string `json:"peers"` // router names
	// BFD is to be on in the routers' peer entries for the nodes, too; default none.
	BFD      *BFD     `json:"bfd,omitempty"`
	HoldTime Duration `json:"holdTime,omitempty"` // default 9 s
	// GracefulRestart has routers keep the routes while BIRD is away (RFC 4724); default false.
	GracefulRestart bool `json:"gracefulRestart,omitempty"`
}

func (b *NodeBIRD) setDefaults() {
	Or(&b.HoldTime, DefaultHoldTime)
	b.BFD.setDefaults()
}

// setDefaults fills in the times; nil stays nil.
func (b *BFD) setDefaults() {
	if b == nil {
		return
	}
	Or(&b.Interval, DefaultBFDInterval)
	Or(&b.Multiplier, DefaultBFDMultiplier)
}

// bird returns BIRD among the addons, or nil.
func (s *Spec) bird() *NodeBIRD {
	for _, a := range s.Addons {
		if a.BIRD != nil {
			return a.BIRD
		}
	}
	return nil
}

func (v *Validation) bird(path string, b *NodeBIRD) {
	v.asn(path+".asn", b.ASN)
	v.holdTime(path+".holdTime", b.HoldTime)
	v.NotEmpty(path+".peers", len(b.Peers))
	v.nodePeers(path+".peers", b.Peers)
	if b.BFD == nil {
		return
	}
	v.bfdTimes(path+".bfd", b.BFD)
	for _, name := range b.Peers {
		if r := v.spec.Router(name); r != nil && r.BGP != nil && !r.BGP.bfdWithNodes() {
			v.Add(path+".bfd", "seen it at this end only, want it in the peer entry {nodes: all} of %s too", name)
		}
	}
}

// bfdWithNodes reports whether a router asks the nodes for BFD, or has no session with them.
func (b *BGP) bfdWithNodes() bool {
	for _, p := range b.Peers {
		if p.Nodes != "" {
			return p.BFD != nil
		}
	}
	return true
}

// nodesBFD checks a router's BFD with the nodes: their speaker must have it, too.
func (v *Validation) nodesBFD(at string) {
	n := v.spec.NodeSpeaker()
	switch {
	case n == nil:
	case v.spec.bird() == nil:
		v.Add(at, "seen it for the nodes, whose speaker (%s) has no BFD, want it for routers only", n.Addon)
	case v.spec.bird().BFD == nil:
		v.Add(at, "seen it at this end only, want %s.bfd too", n.Path)
	}
}
