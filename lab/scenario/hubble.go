package scenario

import "slices"

// Hubble has Cilium's agents tell the flows that they see (https://docs.cilium.io, Observability).
type Hubble struct {
	Relay bool `json:"relay,omitempty"` // one API for the flows of all nodes; default false
	UI    bool `json:"ui,omitempty"`    // a page that draws them; needs relay; default false
}

// Flows promises what Hubble tells of a few connections from a node to a workload: that each was seen where its pod is,
// with the verdict, the source and the destination that it had.
type Flows struct {
	// From is a client, a router or a cluster node.
	From     string `json:"from"`
	To       Target `json:"to"`
	Workload string `json:"workload,omitempty"` // default: the first workload
	// Verdict is FORWARDED, and the connections are answered; or DROPPED, and while the check lasts a NetworkPolicy
	// denies everything that enters the workload.
	Verdict string   `json:"verdict" jsonschema:"enum=FORWARDED,enum=DROPPED"`
	Within  Duration `json:"within,omitempty"` // default 30 s
}

// The verdicts of a flow, as Hubble spells them.
const (
	FlowForwarded = "FORWARDED"
	FlowDropped   = "DROPPED"
)

func (f *Flows) setDefaults(firstWorkload string) {
	Or(&f.Workload, firstWorkload)
	Or(&f.Within, DefaultWithin)
}

func (v *Validation) hubble(path string, h *Hubble) {
	if h.UI && !h.Relay {
		v.Add(path+".ui", "seen true without relay, want relay: true, which the UI asks")
	}
}

func (v *Validation) flows(path string, f *Flows) {
	if c, _ := v.spec.cilium(); c == nil || c.Hubble == nil || !c.Hubble.Relay {
		v.Add(path, "seen a check of Hubble's flows, want hubble: {relay: true} in the cilium addon")
	}
	known := v.Senders()
	if f.From != "" && !slices.Contains(known, f.From) {
		v.Unknown(path+".from", f.From, "client, router or node", known)
	}
	if e := v.Workload(path+".workload", f.Workload); e != nil {
		v.hasAddress(path+".to", f.To, e)
	}
}
