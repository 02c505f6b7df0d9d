package gobgp

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
)

// peer is an entry of `gobgp -j neighbor`: the API's Peer, in the API's JSON.
type peer struct {
	Conf struct {
		Description string `json:"description"`
	} `json:"conf"`
	State struct {
		Address  string `json:"neighbor_address"`
		PeerASN  uint32 `json:"peer_asn"`
		LocalASN uint32 `json:"local_asn"`
		Session  int    `json:"session_state"` // as bgp.State, from 1
		Message  string `json:"disconnect_message"`
		Reason   int    `json:"disconnect_reason"`
		BFD      struct {
			Session int `json:"session_state"`
		} `json:"bfd_state"`
		Remote []struct {
			Cap struct {
				FQDN struct {
					Host string `json:"host_name"`
				} `json:"Fqdn"`
			} `json:"Cap"`
		} `json:"remote_cap"`
	} `json:"state"`
	Timers struct {
		State struct {
			Keepalive float64 `json:"keepalive_interval"`
			HoldTime  float64 `json:"negotiated_hold_time"`
			Uptime    struct {
				Seconds int64 `json:"seconds"` // the start of the session, since 1970
			} `json:"uptime"`
		} `json:"state"`
	} `json:"timers"`
	Families []struct {
		State struct {
			Accepted   int `json:"accepted"`
			Advertised int `json:"advertised"`
		} `json:"state"`
	} `json:"afi_safis"`
}

// reasons are the API's reasons for the end of a session (PeerState.DisconnectReason).
var reasons = []string{"", "administratively down", "hold timer expired", "notification sent", "notification received", "read failed", "write failed",
	"idle timer expired", "restart timer expired", "graceful restart", "invalid message", "hard reset", "deconfigured", "bad peer AS"}

// bfdStates are the API's states of a BFD session (BfdSessionState).
var bfdStates = []string{"", "Up", "Down", "AdminDown", "Init"}

// parseNeighbors reads `gobgp -j neighbor`. A peer of a range is in the output only while the peer's session lives.
func parseNeighbors(router string, data []byte, now time.Time) ([]bgp.Session, error) {
	var in []peer
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, unreadable("neighbor", data, err)
	}
	out := make([]bgp.Session, 0, len(in))
	for _, p := range in {
		a, err := netip.ParseAddr(p.State.Address)
		if err != nil {
			return nil, unreadable("neighbor", data, err)
		}
		out = append(out, p.session(router, a.WithZone(""), now))
	}
	bgp.SortSessions(out)
	return out, nil
}

func (p peer) session(router string, address netip.Addr, now time.Time) bgp.Session {
	s := bgp.Session{
		Router: router, Peer: address, PeerName: p.Conf.Description, PeerASN: p.State.PeerASN, LocalASN: p.State.LocalASN,
		HoldTime:  time.Duration(p.Timers.State.HoldTime * float64(time.Second)),
		Keepalive: time.Duration(p.Timers.State.Keepalive * float64(time.Second)),
	}
	if n := p.State.BFD.Session; n > 0 && n < len(bfdStates) {
		s.BFD = bfdStates[n]
	}
	for _, c := range p.State.Remote {
		if s.PeerName == "" {
			s.PeerName = c.Cap.FQDN.Host
		}
	}
	if n := bgp.State(p.State.Session); n >= bgp.Idle && n <= bgp.Established {
		s.State = n
	}
	if s.State != bgp.Established {
		if r := p.State.Reason; r > 0 && r < len(reasons) {
			s.Reason = reasons[r]
		}
		if p.State.Message != "" {
			s.Reason = strings.TrimPrefix(s.Reason+": "+p.State.Message, ": ")
		}
		return s
	}
	s.Uptime = max(0, now.Sub(time.Unix(p.Timers.State.Uptime.Seconds, 0)))
	for _, f := range p.Families {
		s.PrefixesReceived += f.State.Accepted
		s.PrefixesSent += f.State.Advertised
	}
	return s
}

// ribPath is a path in `gobgp -j global rib`, with the attributes in the form of BGP packets (RFC 4271, 4.3).
type ribPath struct {
	Best     bool       `json:"best"` // or as good as the best
	Invalid  bool       `json:"is-nexthop-invalid"`
	External bool       `json:"is-from-external"` // the route came from zebra
	Peer     netip.Addr `json:"peer-address"`
	Attrs    []struct {
		Type     int        `json:"type"`
		NextHop  netip.Addr `json:"nexthop"`
		Segments []struct {
			ASNs []uint32 `json:"asns"`
		} `json:"as_paths"`
		MED         *uint32         `json:"metric"`
		Communities []uint32        `json:"communities"`
		Value       json.RawMessage `json:"value"` // of the other attributes
	} `json:"attrs"`
}

// The attributes that parseRIB reads (RFC 4271, 5.1; RFC 4760, 3).
const (
	attrOrigin      = 1
	attrASPath      = 2
	attrNextHop     = 3
	attrMED         = 4
	attrLocalPref   = 5
	attrCommunities = 8 // RFC 1997
	attrReach       = 14
	attrLarge       = 32 // RFC 8092
)

// parseRIB reads `gobgp -j global rib`: an object with a list of paths for each prefix, the best first.
func parseRIB(data []byte) ([]bgp.Route, error) {
	var in map[string][]ribPath
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, unreadable("global rib", data, err)
	}
	out := make([]bgp.Route, 0, len(in))
	for key, paths := range in {
		prefix, err := netip.ParsePrefix(key)
		if err != nil {
			return nil, unreadable("global rib", []byte(key), err)
		}
		r := bgp.Route{Prefix: prefix, Protocol: "bgp"}
		for _, p := range paths {
			if p.External {
				continue
			}
			path := p.path()
			path.Best = p.Best && len(r.NextHops) == 0
			path.Multipath = p.Best && !path.Best
			r.Paths = append(r.Paths, path)
			if !p.Best {
				continue
			}
			for _, h := range path.NextHops {
				r.NextHops = append(r.NextHops, bgp.NextHop{Address: h})
			}
		}
		if len(r.Paths) > 0 {
			out = append(out, r)
		}
	}
	bgp.SortRoutes(out)
	return out, nil
}

// origins are the values of attribute ORIGIN (RFC 4271, 4.3).
var origins = []string{"IGP", "EGP", "incomplete"}

func (p ribPath) path() bgp.Path {
	out := bgp.Path{Peer: p.Peer, Valid: !p.Invalid}
	for _, a := range p.Attrs {
		switch a.Type {
		case attrOrigin:
			var n int
			if json.Unmarshal(a.Value, &n) == nil && n >= 0 && n < len(origins) {
				out.Origin = origins[n]
			}
		case attrMED:
			out.MED = a.MED
		case attrCommunities:
			for _, c := range a.Communities {
				out.Communities = append(out.Communities, bgp.Community(fmt.Sprintf("%d:%d", c>>16, c&0xffff)))
			}
		case attrLarge:
			var list []struct{ ASN, LocalData1, LocalData2 uint32 }
			if json.Unmarshal(a.Value, &list) != nil {
				continue
			}
			for _, c := range list {
				out.LargeCommunities = append(out.LargeCommunities, fmt.Sprintf("%d:%d:%d", c.ASN, c.LocalData1, c.LocalData2))
			}
		case attrASPath:
			var asns []string
			for _, s := range a.Segments {
				for _, n := range s.ASNs {
					asns = append(asns, fmt.Sprint(n))
				}
			}
			out.ASPath = strings.Join(asns, " ")
		case attrNextHop, attrReach:
			if a.NextHop.IsValid() {
				out.NextHops = append(out.NextHops, a.NextHop)
			}
		case attrLocalPref: // only internal peers send it (RFC 4271, 5.1.5)
			out.Internal = true
			out.LocalPref = new(uint32)
			if json.Unmarshal(a.Value, out.LocalPref) != nil {
				out.LocalPref = nil
			}
		}
	}
	return out
}

func unreadable(command string, data []byte, err error) error {
	return fmt.Errorf("gobgp -j %s: its output cannot be read: %w; it begins %.120q", command, err, data)
}
