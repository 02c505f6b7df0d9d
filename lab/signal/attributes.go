package signal

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strings"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
)

// Attributes shows the path attributes of a route at a router (RFC 4271, 5.1), a text for each: `asPath 64512 64513`,
// `origin IGP`, `med 50`, `localPref 200`, `community 64512:99`, `largeCommunity 64512:100:50`, `nextHop r2`; of a peer's
// path without a reachable next hop also `not usable`. Without a route there are no texts.
type Attributes struct {
	Route
	Peer string `json:"peer,omitempty"` // the path of this router, node or address; default: the best path
}

// Validate checks the router and the names in the target.
func (s *Attributes) Validate(v *scenario.Validation, path string) {
	v.Addressed(path+".to", s.To, true)
	if v.Text(path+".peer", s.Peer); len(scenario.NamesIn(s.Peer)) == 0 {
		v.FarEnd(path+".peer", s.Peer)
	}
	v.Router(path+".node", s.Node)
}

// Read asks the router.
func (s *Attributes) Read(ctx context.Context, r *Run) (Value, error) {
	to, err := s.prefix(ctx, r)
	if err != nil {
		return Value{}, err
	}
	peer, err := r.Fill(ctx, s.Peer)
	if err != nil {
		return Value{}, err
	}
	of, err := r.Lab.Router(s.Node)
	if err != nil {
		return Value{}, err
	}
	paths, err := router.Paths(ctx, of, to)
	if err != nil {
		return Value{}, err
	}
	owners := r.owners(ctx)
	for _, p := range paths {
		if peer == "" && p.Best || peer != "" && (peer == p.Peer.String() || peer == owners[p.Peer]) {
			return Texts(attributesOf(p, owners)...), nil
		}
	}
	return Texts(), nil
}

// attributesOf has one text for each attribute.
func attributesOf(p bgp.Path, owners map[netip.Addr]string) []string {
	all := []string{strings.TrimSpace("asPath " + p.ASPath)}
	if p.Origin != "" {
		all = append(all, "origin "+p.Origin)
	}
	if p.MED != nil {
		all = append(all, fmt.Sprint("med ", *p.MED))
	}
	if p.LocalPref != nil {
		all = append(all, fmt.Sprint("localPref ", *p.LocalPref))
	}
	for _, c := range p.Communities {
		all = append(all, "community "+c)
	}
	for _, c := range p.LargeCommunities {
		all = append(all, "largeCommunity "+c)
	}
	for _, h := range p.NextHops {
		all = append(all, "nextHop "+cmp.Or(owners[h], h.String()))
	}
	if !p.Valid {
		all = append(all, "not usable")
	}
	return all
}
