package live

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/bgp"
)

// Carrier is the path of packets to an address: router and nodes.
type Carrier struct {
	Router string   `json:"router,omitempty"` // the holder of the sender's gateway
	Nodes  []string `json:"nodes,omitempty"`  // the router's next hops, or the announcing node
	Error  string   `json:"error,omitempty"`  // why the carrier is unknown
}

// String returns, for example, "r1 → worker, worker2".
func (c Carrier) String() string {
	if c.Error != "" {
		return "unknown: " + c.Error
	}
	nodes := strings.Join(c.Nodes, ", ")
	switch {
	case c.Router == "":
		return nodes
	case nodes == "":
		return c.Router + " → nobody"
	}
	return c.Router + " → " + nodes
}

// Carrier asks the router that holds the sender's gateway for the next hops. Without a router on the path, Carrier asks
// the sender for the MAC of the address.
func (w *Who) Carrier(ctx context.Context, from string, to netip.Addr) (Carrier, error) {
	router, err := w.firstRouter(ctx, from)
	if err != nil {
		return Carrier{}, err
	}
	if router == "" {
		node, err := w.neighbour(ctx, from, to)
		return Carrier{Nodes: node}, err
	}
	c := Carrier{Router: router}
	handle, err := w.Router(router)
	if err != nil {
		return c, err
	}
	fib, err := handle.FIB(ctx)
	if err != nil {
		return c, err
	}
	for _, hop := range nextHops(fib, to) {
		c.Nodes = append(c.Nodes, w.nodeAt(ctx, hop))
	}
	slices.Sort(c.Nodes)
	return c, nil
}

// firstRouter returns the first router on a node's path: the holder of the node's gateway now, or the node's only
// router. For a node without gateway and router, the name is "".
func (w *Who) firstRouter(ctx context.Context, from string) (string, error) {
	for _, c := range w.Plan.Scenario.Spec.Clients {
		switch {
		case c.Name != from:
		case c.Gateway != "":
			g, err := w.Gateway(c.Gateway)
			if err != nil {
				return "", err
			}
			return g.Holder(ctx)
		default:
			return c.Router, nil
		}
	}
	for _, r := range w.Plan.Routers {
		if r.Name == from {
			return from, nil
		}
	}
	return "", nil
}

// nextHops returns the next hops of the longest prefix with the address.
func nextHops(fib []bgp.Route, to netip.Addr) []netip.Addr {
	var best *bgp.Route
	for i, r := range fib {
		if r.Prefix.Contains(to) && (best == nil || r.Prefix.Bits() > best.Prefix.Bits()) {
			best = &fib[i]
		}
	}
	if best == nil {
		return nil
	}
	var all []netip.Addr
	for _, h := range best.NextHops {
		all = append(all, h.Address)
	}
	return all
}
