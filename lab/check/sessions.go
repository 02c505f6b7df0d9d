package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// SessionRow is one wanted session of a neighbor or a range.
type SessionRow struct {
	Router string     `json:"router"`
	Peer   netip.Addr `json:"peer,omitzero"` // invalid where a range has fewer peers than wanted
	Name   string     `json:"name"`          // the neighbor's, or the range's
	ASN    uint32     `json:"asn"`
	State  bgp.State  `json:"state"`
	// Uptime is in nanoseconds.
	Uptime           time.Duration `json:"uptime"`
	PrefixesReceived int           `json:"prefixesReceived"`
	PrefixesSent     int           `json:"prefixesSent"`
	Error            string        `json:"error,omitempty"` // empty if the session holds
}

// seenSessions is a router's answer, or the error.
type seenSessions struct {
	sessions []bgp.Session
	err      error
}

// Sessions promises BGP sessions, and OSPF neighbours.
type Sessions struct {
	// Established is "all": every session of the routers' configuration, and every session that a router with native
	// configuration reports; and every OSPF neighbour of the routers' configuration.
	Established string `json:"established" jsonschema:"enum=all"`
	// Peers are sessions that must be among these: sessions of native configuration.
	Peers  []SessionPeer     `json:"peers,omitempty"`
	Within scenario.Duration `json:"within,omitempty"` // default 30 s
}

// SetDefaults fills in the deadline.
func (c *Sessions) SetDefaults(*scenario.Spec) { scenario.Or(&c.Within, scenario.DefaultWithin) }

// Validate checks that a router has a peer, and that the routers of further peers have native configuration.
func (c *Sessions) Validate(v *scenario.Validation, path string) {
	wantSessions(v, path)
	for i, p := range c.Peers {
		at := fmt.Sprintf("%s.peers[%d]", path, i)
		if !v.Known(at+".router", p.Router, "router", v.RouterNames()) {
			continue
		}
		if !v.Spec().Router(p.Router).IsNative() {
			v.Add(at+".router", "seen %q, whose sessions are all in bgp.peers, want a router with config, configFile or native", p.Router)
		}
		if _, err := netip.ParseAddr(p.Peer); err != nil && !slices.Contains(v.Containers(), p.Peer) {
			v.Add(at+".peer", "seen %q, want an address or %s", p.Peer, "a node of the scenario: "+strings.Join(v.Containers(), ", "))
		}
	}
}

// SessionPeer is a session of a router with native configuration.
type SessionPeer struct {
	Router string `json:"router"`
	Peer   string `json:"peer"` // an address, or the name of a router, client, container or cluster node, for any address of the node
	// ASN is the peer's; default: any.
	ASN uint32 `json:"asn,omitempty" jsonschema:"minimum=1,maximum=4294967295"`
}

// wantSessions checks that a router has a BGP peer.
func wantSessions(v *scenario.Validation, path string) {
	if !slices.ContainsFunc(v.Spec().Routers, func(r scenario.Router) bool {
		return r.BGP != nil && len(r.BGP.Peers) > 0 || r.IsNative() || r.OSPF != nil
	}) {
		v.Add(path, "seen a check of BGP sessions, want a router with bgp.peers, or with ospf")
	}
}

// wantForwarders checks a list of routers that put BGP routes into the kernel.
func wantForwarders(v *scenario.Validation, path string, routers []string) {
	v.Repeated(path, routers)
	v.NotEmpty(path, len(routers))
	for i, name := range routers {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.Speaker(at, name)
		if r := v.Spec().Router(name); r != nil {
			v.Needs(at, r, scenario.ForwardsByBGP, fmt.Sprintf("%q, whose %s puts no routes into the kernel", name, r.Software))
		}
	}
}

// Title is the same for every scenario.
func (*Sessions) Title() string { return "sessions" }

// Cost returns Looks.
func (*Sessions) Cost() Cost { return Looks }

// Sends returns nil.
func (*Sessions) Sends() *scenario.Probe { return nil }

// Run has a result for the BGP sessions of all routers, and a result for the OSPF neighbours.
func (c *Sessions) Run(ctx context.Context, l Lab, p *plan.Plan) []Result {
	ospf := c.adjacencies(ctx, l, p)
	if len(ospf) > 0 && !slices.ContainsFunc(p.Routers, plan.Router.Speaks) {
		return ospf
	}
	return append(c.sessions(ctx, l, p), ospf...)
}

// adjacencies judges the OSPF neighbours; no result without OSPF.
func (c *Sessions) adjacencies(ctx context.Context, l Lab, p *plan.Plan) []Result {
	var names []string
	wanted := 0
	for _, r := range p.Routers {
		if planned, _ := router.WrongAdjacencies(r, nil); planned > 0 {
			names = append(names, r.Name)
			wanted += planned
		}
	}
	if wanted == 0 {
		return nil
	}
	results := []Result{{Name: "OSPF neighbours of " + strings.Join(names, ", "), Expected: fmt.Sprintf("%d OSPF neighbours Full", wanted)}}
	until(ctx, c.Within.Std(), results, func(ctx context.Context, _ []int) {
		type answer struct {
			all []router.Adjacency
			err error
		}
		seen := ask(ctx, l, names, func(ctx context.Context, r live.Router) answer {
			all, err := router.Adjacencies(ctx, r)
			return answer{all, err}
		}, func(err error) answer { return answer{err: err} })
		var problems []string
		for _, r := range p.Routers {
			_, wrong := router.WrongAdjacencies(r, seen[r.Name].all)
			if err := seen[r.Name].err; err != nil {
				wrong = []string{err.Error()}
			}
			for _, w := range wrong {
				problems = append(problems, r.Name+": "+w)
			}
		}
		observed := fmt.Sprintf("%d of %d Full", max(0, wanted-len(problems)), wanted)
		if len(problems) > 0 {
			observed += "; " + strings.Join(problems, "; ")
		}
		results[0].outcome(len(problems) == 0, observed)
	})
	return results
}

// sessions judges the BGP sessions.
func (c *Sessions) sessions(ctx context.Context, l Lab, p *plan.Plan) []Result {
	var names, native []string
	wanted := len(c.Peers)
	for _, r := range p.Routers {
		if r.Speaks() {
			names = append(names, r.Name)
		}
		if r.Native.Configures() {
			native = append(native, r.Name)
		}
		wanted += r.PlannedSessions()
	}
	results := []Result{{
		Name:     "sessions of " + strings.Join(names, ", "),
		Expected: fmt.Sprintf("%d BGP sessions Established", wanted),
	}}
	if len(native) > 0 {
		results[0].Expected += ", and those of the native configuration of " + strings.Join(native, ", ")
	}
	if wanted == 0 && len(native) == 0 {
		results[0].Verdict, results[0].Observed = Skipped, "no router of the plan has a BGP peer"
		return results
	}
	until(ctx, c.Within.Std(), results, func(ctx context.Context, _ []int) {
		seen := ask(ctx, l, names, func(ctx context.Context, r live.Router) seenSessions {
			s, err := r.Sessions(ctx)
			return seenSessions{s, err}
		}, func(err error) seenSessions { return seenSessions{err: err} })
		held, observed, rows := judgeSessions(p, c.Peers, seen)
		results[0].outcome(held, observed)
		results[0].Sessions = rows
	})
	return results
}

// judgeSessions reports whether every neighbor has an established session, and every range the wanted number. A router without
// an answer has no session. A session beyond the plan must be established, too: native configuration has the session.
func judgeSessions(p *plan.Plan, peers []SessionPeer, seen map[string]seenSessions) (held bool, observed string, rows []SessionRow) {
	for _, r := range p.Routers {
		if r.BGP != nil {
			rows = append(rows, routerSessions(r, seen[r.Name])...)
		}
		if r.Native.Configures() {
			rows = append(rows, nativeSessions(p, r, peers, seen[r.Name])...)
		}
	}
	established := 0
	var problems []string
	for _, row := range rows {
		if row.Error == "" {
			established++
			continue
		}
		problems = appendNew(problems, fmt.Sprintf("%s to %s: %s", row.Router, row.who(), row.Error))
	}
	observed = fmt.Sprintf("%d of %d Established", established, len(rows))
	if len(problems) > 0 {
		observed += "; " + strings.Join(problems, "; ")
	}
	return len(problems) == 0 && len(rows) > 0, observed, rows
}

func routerSessions(r plan.Router, seen seenSessions) []SessionRow {
	var rows []SessionRow
	taken := map[netip.Addr]bool{}
	for _, n := range r.BGP.Neighbors {
		taken[n.Address] = true
		row := SessionRow{Router: r.Name, Peer: n.Address, Name: n.Name, ASN: n.ASN}
		i := slices.IndexFunc(seen.sessions, func(s bgp.Session) bool { return s.Peer == n.Address })
		switch {
		case seen.err != nil:
			row.Error = "cannot be asked: " + seen.err.Error()
		case i < 0:
			row.Error = "no such session"
		default:
			row.fill(seen.sessions[i])
		}
		rows = append(rows, row)
	}
	for _, g := range r.BGP.Ranges {
		rows = append(rows, rangeSessions(r, g, seen, taken)...)
	}
	return rows
}

// nativeSessions has a row for each wanted peer of native configuration, and for each other session beyond the plan.
func nativeSessions(p *plan.Plan, r plan.Router, peers []SessionPeer, seen seenSessions) []SessionRow {
	var rows []SessionRow
	if seen.err != nil && r.BGP == nil {
		rows = append(rows, SessionRow{Router: r.Name, Name: "its peers", Error: "cannot be asked: " + seen.err.Error()})
	}
	met := map[netip.Addr]bool{}
	for _, want := range peers {
		if want.Router != r.Name {
			continue
		}
		row := SessionRow{Router: r.Name, Name: want.Peer, ASN: want.ASN, Error: "no such session"}
		for _, s := range seen.sessions {
			if s.Peer.String() == want.Peer || owns(p, want.Peer, s.Peer) {
				met[s.Peer], row.Peer, row.Error = true, s.Peer, ""
				row.fill(s)
			}
		}
		rows = append(rows, row)
	}
	for _, s := range seen.sessions {
		if met[s.Peer] || r.Plans(s.Peer) {
			continue
		}
		row := SessionRow{Router: r.Name, Peer: s.Peer, Name: s.PeerName, ASN: s.PeerASN}
		row.fill(s)
		rows = append(rows, row)
	}
	return rows
}

// owns reports whether a node of the plan has an address.
func owns(p *plan.Plan, name string, a netip.Addr) bool {
	x, ok := p.Places().At(a)
	return ok && x.Name == name
}

// rangeSessions has a row for each peer of a range, and for each absent peer.
func rangeSessions(r plan.Router, g plan.Range, seen seenSessions, taken map[netip.Addr]bool) []SessionRow {
	var rows []SessionRow
	up := 0
	for _, s := range seen.sessions {
		if taken[s.Peer] || !g.Prefix.Contains(s.Peer) {
			continue
		}
		taken[s.Peer] = true
		row := SessionRow{Router: r.Name, Peer: s.Peer, Name: g.Name, ASN: g.ASN}
		row.fill(s)
		if row.Error == "" {
			up++
		}
		rows = append(rows, row)
	}
	// Sessions of former peers stay listed for a while; the number of established sessions counts.
	if up >= g.Sessions {
		return slices.DeleteFunc(rows, func(row SessionRow) bool { return row.Error != "" })
	}
	for len(rows) < g.Sessions {
		row := SessionRow{Router: r.Name, Name: g.Name, ASN: g.ASN}
		row.Error = fmt.Sprintf("%d of %d peers are there", up, g.Sessions)
		if seen.err != nil {
			row.Error = "cannot be asked: " + seen.err.Error()
		}
		rows = append(rows, row)
	}
	return rows
}

// fill judges the session as the router reports it.
func (row *SessionRow) fill(s bgp.Session) {
	row.State, row.Uptime = s.State, s.Uptime
	row.PrefixesReceived, row.PrefixesSent = s.PrefixesReceived, s.PrefixesSent
	switch {
	case s.State != bgp.Established:
		row.Error = s.State.String()
		if s.Reason != "" {
			row.Error += " (" + s.Reason + ")"
		}
	case row.ASN == 0:
		row.ASN = s.PeerASN
	case s.PeerASN != row.ASN:
		row.Error = fmt.Sprintf("the peer has ASN %d, not %d", s.PeerASN, row.ASN)
	}
}

func (row SessionRow) who() string {
	if !row.Peer.IsValid() {
		return row.Name
	}
	return fmt.Sprintf("%s (%s)", row.Name, row.Peer)
}
