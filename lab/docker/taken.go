package docker

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// use is a prefix in use, with a phrase that names the user.
type use struct {
	prefix netip.Prefix
	by     string
}

// Taken lists the prefixes that a new network must not overlap: the host's routes in all tables (without
// default routes, loopback, link-local and multicast) and the subnets of all the engine's networks. The list
// is sorted, and no prefix lies within another.
func (e *Engine) Taken(ctx context.Context) ([]netip.Prefix, error) {
	uses, err := e.uses(ctx)
	if err != nil {
		return nil, err
	}
	prefixes := make([]netip.Prefix, 0, len(uses))
	for _, u := range uses {
		prefixes = append(prefixes, u.prefix)
	}
	return widest(prefixes), nil
}

// widest sorts prefixes and drops prefixes that lie within another.
func widest(prefixes []netip.Prefix) []netip.Prefix {
	sorted := slices.Clone(prefixes)
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	kept := sorted[:0]
	for _, p := range sorted {
		// In this order, a prefix that contains p can only be the last kept prefix.
		if len(kept) == 0 || !kept[len(kept)-1].Overlaps(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// uses lists the prefixes of Taken separately, networks first: a network's name is more informative than its
// route.
func (e *Engine) uses(ctx context.Context) ([]use, error) {
	list, err := e.Client.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, fmt.Errorf("engine: listing networks: %w", err)
	}
	uses := networkUses(list.Items)
	routes, err := hostUses()
	return append(uses, routes...), err
}

func networkUses(networks []network.Summary) []use {
	var uses []use
	for _, n := range networks {
		by := "the engine's network " + n.Name
		if lab := n.Labels[LabelLab]; lab != "" {
			by += " of lab " + lab
		}
		for _, c := range n.IPAM.Config {
			if c.Subnet.IsValid() {
				uses = append(uses, use{c.Subnet.Masked(), by})
			}
		}
	}
	return uses
}
