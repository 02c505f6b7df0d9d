package scenario

// Hubble has Cilium's agents tell the flows that they see (https://docs.cilium.io, Observability).
type Hubble struct {
	Relay bool `json:"relay,omitempty"` // one API for the flows of all nodes; default false
	UI    bool `json:"ui,omitempty"`    // a page that draws them; needs relay; default false
}

func (v *Validation) hubble(path string, h *Hubble) {
	if h.UI && !h.Relay {
		v.Add(path+".ui", "seen true without relay, want relay: true, which the UI asks")
	}
}
