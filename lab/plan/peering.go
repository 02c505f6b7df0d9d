package plan

import "skidpad.dev/skidpad/lab/scenario"

// EchoPort is where the echo program answers, by TCP and UDP.
const EchoPort = 8080

// Peering is how a router speaks with a peer, beyond who it is. Its zero value is what a speaker does by itself.
type Peering struct {
	BFD                  *scenario.BFD         `json:"bfd,omitempty"`
	Password             scenario.Secret       `json:"password,omitempty"`
	Multihop             int                   `json:"multihop,omitempty"`    // TTL, 2 to 255
	TTLSecurity          int                   `json:"ttlSecurity,omitempty"` // hops, 1 to 254
	RouteReflectorClient bool                  `json:"routeReflectorClient,omitempty"`
	MaxPrefixes          int                   `json:"maxPrefixes,omitempty"`
	Import               *scenario.RoutePolicy `json:"import,omitempty"`
	Export               *scenario.RoutePolicy `json:"export,omitempty"`
}

func peeringOf(p scenario.Peer) Peering {
	return Peering{
		BFD: p.BFD, Password: p.Password, Multihop: p.Multihop, TTLSecurity: p.TTLSecurity,
		RouteReflectorClient: p.RouteReflectorClient, MaxPrefixes: p.MaxPrefixes, Import: p.Import, Export: p.Export,
	}
}
