package frr

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/router"
)

// neighbor is a peer in `show bgp neighbors json`.
type neighbor struct {
	RemoteAS    uint32 `json:"remoteAs"`
	LocalAS     uint32 `json:"localAs"`
	Description string `json:"nbrDesc"`
	Hostname    string `json:"hostname"` // draft-walton-bgp-hostname-capability
	State       string `json:"bgpState"`
	UpMsec      int64  `json:"bgpTimerUpMsec"`
	HoldMsec    int64  `json:"bgpTimerHoldTimeMsecs"`
	KeepMsec    int64  `json:"bgpTimerKeepAliveIntervalMsecs"`
	Reset       string `json:"lastResetDueTo"`
	Notified    string `json:"lastNotificationReason"`
	Has         struct {
		GracefulRestart string `json:"gracefulRestart"` // advertised, received, or advertisedAndReceived
	} `json:"neighborCapabilities"`
	BFD struct {
		Status string `json:"status"` // Up, Down, Admin Down …
	} `json:"peerBfdInfo"`
	Families map[string]struct {
		Accepted int `json:"acceptedPrefixCounter"`
		Sent     int `json:"sentPrefixCounter"`
	} `json:"addressFamilyInfo"`
}

// addressOf returns the address of a peer in the output.
type addressOf func(peer string) (netip.Addr, error)

// parseNeighbors reads `show bgp neighbors json`: an object with a member for each peer. A peer that dialled in (listen
// range) is in the output only while the peer's session lives.
func parseNeighbors(router string, data []byte, at addressOf) ([]bgp.Session, error) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, unreadable("show bgp neighbors json", data, err)
	}
	var out []bgp.Session
	for key, raw := range in {
		peer, err := at(key)
		if err != nil {
			continue // newer versions add members besides the peers
		}
		var n neighbor
		if err := json.Unmarshal(raw, &n); err != nil {
			return nil, unreadable("show bgp neighbors json, peer "+key, raw, err)
		}
		out = append(out, n.session(router, peer))
	}
	bgp.SortSessions(out)
	return out, nil
}

func (n neighbor) session(router string, peer netip.Addr) bgp.Session {
	s := bgp.Session{
		Router: router, Peer: peer, PeerName: n.Description, PeerASN: n.RemoteAS, LocalASN: n.LocalAS,
		HoldTime:  time.Duration(n.HoldMsec) * time.Millisecond,
		Keepalive: time.Duration(n.KeepMsec) * time.Millisecond, GracefulRestart: n.Has.GracefulRestart == "advertisedAndReceived",
		BFD: strings.ReplaceAll(n.BFD.Status, " ", ""),
	}
	if s.PeerName == "" {
		s.PeerName = n.Hostname
	}
	// FRR has more states than the RFC between the end of a session and the next start: Clearing, Deleted.
	s.State, _ = bgp.ParseState(n.State)
	if s.State != bgp.Established {
		s.Reason = n.Reset
		if n.Notified != "" {
			s.Reason += ": " + n.Notified
		}
		return s
	}
	s.Uptime = time.Duration(n.UpMsec) * time.Millisecond
	for _, f := range n.Families {
		s.PrefixesReceived += f.Accepted
		s.PrefixesSent += f.Sent
	}
	return s
}

// ribPath is a path in `show bgp ipv4 unicast json`.
type ribPath struct {
	Valid     bool   `json:"valid"`
	Best      bool   `json:"bestpath"`
	Multipath bool   `json:"multipath"`
	From      string `json:"pathFrom"`
	PeerID    string `json:"peerId"` // "(unspec)" for a route of the router's own
	ASPath    string `json:"path"`
	NextHops  []struct {
		IP   netip.Addr `json:"ip"`
		Used bool       `json:"used"` // an IPv6 peer sends two next hops; FRR uses one of the two
	} `json:"nexthops"`
}

// parseRIB reads `show bgp ipv4 unicast json`.
func parseRIB(data []byte, at addressOf) ([]bgp.Route, error) {
	var in struct {
		Routes map[string][]ribPath `json:"routes"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, unreadable("show bgp ipv4 unicast json", data, err)
	}
	out := make([]bgp.Route, 0, len(in.Routes))
	for key, paths := range in.Routes {
		prefix, err := netip.ParsePrefix(key)
		if err != nil {
			return nil, unreadable("show bgp ipv4 unicast json", []byte(key), err)
		}
		r := bgp.Route{Prefix: prefix, Protocol: "bgp"}
		for _, p := range paths {
			path := p.path(at)
			r.Paths = append(r.Paths, path)
			if !path.Best && !path.Multipath {
				continue
			}
			for _, h := range path.NextHops {
				r.NextHops = append(r.NextHops, bgp.NextHop{Address: h})
			}
		}
		out = append(out, r)
	}
	bgp.SortRoutes(out)
	return out, nil
}

func (p ribPath) path(at addressOf) bgp.Path {
	out := bgp.Path{ASPath: p.ASPath, Internal: p.From == "internal", Valid: p.Valid, Best: p.Best, Multipath: p.Multipath && !p.Best}
	if peer, err := at(p.PeerID); err == nil {
		out.Peer = peer
	}
	for _, h := range p.NextHops {
		if h.Used {
			out.NextHops = append(out.NextHops, h.IP)
		}
	}
	return out
}

// detail is a path in `show bgp ipv4 unicast PREFIX json`.
type detail struct {
	ASPath struct {
		String string `json:"string"`
	} `json:"aspath"`
	Origin    string    `json:"origin"`
	MED       *uint32   `json:"metric"`
	LocalPref *uint32   `json:"locPrf"`
	Community community `json:"community"`
	Large     community `json:"largeCommunity"`
	Valid     bool      `json:"valid"`
	Best      struct {
		Overall bool `json:"overall"`
	} `json:"bestpath"`
	Multipath bool `json:"multipath"`
	NextHops  []struct {
		IP   netip.Addr `json:"ip"`
		Used bool       `json:"used"`
	} `json:"nexthops"`
	Peer struct {
		ID   string `json:"peerId"`
		Type string `json:"type"`
	} `json:"peer"`
	Originator netip.Addr `json:"originatorId"`
	Clusters   struct {
		List []netip.Addr `json:"list"`
	} `json:"clusterList"`
}

// community is a list of communities, space-separated in String.
type community struct {
	String string `json:"string"`
}

// parseDetail reads `show bgp ipv4 unicast PREFIX json`. The output for an unknown prefix is an empty object; for an unknown
// host route of a known network, older versions answer with the network.
func parseDetail(to netip.Prefix, data []byte, at addressOf) ([]bgp.Path, error) {
	var in struct {
		Prefix string   `json:"prefix"`
		Paths  []detail `json:"paths"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, unreadable("show bgp "+to.String()+" json", data, err)
	}
	if in.Prefix != to.String() {
		return nil, nil
	}
	var all []bgp.Path
	for _, p := range in.Paths {
		one := bgp.Path{
			ASPath: p.ASPath.String, Internal: p.Peer.Type == "internal", Valid: p.Valid, Best: p.Best.Overall, Multipath: p.Multipath && !p.Best.Overall,
			Attributes: bgp.Attributes{Origin: p.Origin, MED: p.MED, LocalPref: p.LocalPref,
				Communities: bgp.Communities(p.Community.String), LargeCommunities: bgp.Communities(p.Large.String),
				Originator: p.Originator, Clusters: p.Clusters.List},
		}
		if one.ASPath == "Local" { // an empty AS path
			one.ASPath = ""
		}
		one.Peer, _ = at(p.Peer.ID) // "(unspec)" for a route of the router's own
		for _, h := range p.NextHops {
			if h.Used {
				one.NextHops = append(one.NextHops, h.IP)
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// parseInstance reads `show bgp vrfs json`: the default instance's current router ID and the number of configured
// peers. The router ID is invalid if there is no instance yet.
func parseInstance(data []byte) (netip.Addr, int, error) {
	var in struct {
		VRFs map[string]struct {
			RouterID netip.Addr `json:"routerId"`
			Peers    int        `json:"numConfiguredPeers"`
		} `json:"vrfs"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return netip.Addr{}, 0, unreadable("show bgp vrfs json", data, err)
	}
	d := in.VRFs["default"]
	return d.RouterID, d.Peers, nil
}

func unreadable(command string, data []byte, err error) error {
	return fmt.Errorf("vtysh %q: its output cannot be read: %w; it begins %.120q", command, err, data)
}

// parseOSPF reads `show ip ospf neighbor json`: the neighbours by router ID. A router may be a neighbour on several interfaces.
func parseOSPF(data []byte) ([]router.Adjacency, error) {
	var in struct {
		Neighbors map[string][]struct {
			State     string `json:"nbrState"`
			Interface string `json:"ifaceName"` // core:10.0.0.11
		} `json:"neighbors"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, unreadable("show ip ospf neighbor json", data, err)
	}
	var all []router.Adjacency
	for id, links := range in.Neighbors {
		a, err := netip.ParseAddr(id)
		if err != nil {
			continue // a neighbour without a number yet
		}
		for _, l := range links {
			name, _, _ := strings.Cut(l.Interface, ":")
			all = append(all, router.Adjacency{ID: a, Interface: name, State: router.AdjacencyState(l.State)})
		}
	}
	return all, nil
}

// parseOSPF6 reads `show ipv6 ospf6 neighbor json`.
func parseOSPF6(data []byte) ([]router.Adjacency, error) {
	var in struct {
		Neighbors []struct {
			ID        netip.Addr `json:"neighborId"`
			State     string     `json:"state"`
			Interface string     `json:"interfaceName"`
		} `json:"neighbors"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, unreadable("show ipv6 ospf6 neighbor json", data, err)
	}
	var all []router.Adjacency
	for _, n := range in.Neighbors {
		all = append(all, router.Adjacency{ID: n.ID, Interface: n.Interface, IPv6: true, State: router.AdjacencyState(n.State)})
	}
	return all, nil
}
