package signal

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/node"
)

// Fill replaces the names in a text by the lab's values.
func (r *Run) Fill(ctx context.Context, text string) (string, error) { return r.Lab.Fill(ctx, text) }

// owners are the names of nodes, routers, clients and gateways, by address.
func (r *Run) owners(ctx context.Context) map[netip.Addr]string {
	all := map[netip.Addr]string{}
	for name, places := range r.Lab.Plan.Attachments() {
		for _, place := range places {
			for _, a := range place.Addresses() {
				all[a] = name
			}
		}
	}
	// Several places may have the same loopback (anycast): the first is the owner.
	for _, x := range r.Lab.Plan.Places() {
		for _, p := range x.Loopbacks {
			if all[p.Addr()] == "" {
				all[p.Addr()] = x.Name
			}
		}
	}
	if r.Lab.Plan.Cluster == nil {
		return all
	}
	if nodes, err := r.Lab.ClusterNodes(ctx); err == nil {
		for _, n := range nodes {
			for _, a := range n.Addresses {
				all[a] = n.Name
			}
		}
	}
	return all
}

// macs are the names of the owners, by MAC. A node without an answer is left out: a fault may have broken the node.
func (r *Run) macs(ctx context.Context) map[string]string {
	all := map[string]string{}
	for _, name := range r.Lab.Names() {
		n, err := r.Lab.Node(name)
		if err != nil || n.Kind() == node.KindGateway {
			continue
		}
		out, err := n.Exec(ctx, "sh", "-c", "cat /sys/class/net/*/address")
		if err != nil {
			continue
		}
		for _, mac := range strings.Fields(string(out)) {
			if !slices.Contains(strings.Split(all[mac], ","), name) {
				all[mac] = strings.Trim(all[mac]+","+name, ",")
			}
		}
	}
	return all
}
