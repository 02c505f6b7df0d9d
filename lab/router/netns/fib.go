package netns

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/node"
)

// FIB reads the kernel's main IPv4 routing table on a node, ordered by prefix.
func FIB(ctx context.Context, n node.Node) ([]bgp.Route, error) {
	out, err := n.Exec(ctx, "ip", "-j", "-N", "-4", "route", "show")
	if err != nil {
		return nil, fmt.Errorf("FIB of %s: %w", n.Name(), err)
	}
	routes, err := parseFIB(out)
	if err != nil {
		return nil, fmt.Errorf("FIB of %s: %w", n.Name(), err)
	}
	return routes, nil
}

// kernelRoute is a route as `ip -j route show` writes it.
type kernelRoute struct {
	Type     string `json:"type"` // absent for unicast
	Dst      string `json:"dst"`
	Protocol string `json:"protocol"`
	kernelHop
	NextHops []kernelHop `json:"nexthops"`
}

type kernelHop struct {
	Gateway netip.Addr `json:"gateway"`
	Via     *struct {
		Host netip.Addr `json:"host"`
	} `json:"via"` // a next hop of the other address family (RFC 5549)
	Dev   string   `json:"dev"`
	Flags []string `json:"flags"`
}

func (h kernelHop) hop() bgp.NextHop {
	if h.Via != nil {
		return bgp.NextHop{Address: h.Via.Host, Interface: h.Dev}
	}
	return bgp.NextHop{Address: h.Gateway, Interface: h.Dev}
}

// protocols names the rtnetlink protocol numbers that labs meet (linux/rtnetlink.h). Numbers are asked for,
// since whether iproute2 knows the name depends on a file that images may lack. It leaves boot out.
var protocols = map[string]string{"": "boot", "2": "kernel", "3": "boot", "4": "static", "11": "zebra", "12": "bird", "186": "bgp", "196": "static"}

// parseFIB reads `ip -j -N route show`.
func parseFIB(data []byte) ([]bgp.Route, error) {
	var in []kernelRoute
	if len(strings.TrimSpace(string(data))) == 0 { // some versions write nothing for an empty table
		return nil, nil
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("output of ip route: %w; it begins %.80q", err, data)
	}
	out := make([]bgp.Route, 0, len(in))
	for _, k := range in {
		prefix, err := parsePrefix(k.Dst)
		if err != nil {
			return nil, err
		}
		r := bgp.Route{Prefix: prefix, Protocol: cmp.Or(protocols[k.Protocol], k.Protocol)}
		switch {
		case len(k.NextHops) > 0:
			for _, h := range k.NextHops {
				r.NextHops = append(r.NextHops, h.hop())
			}
		case k.Dev != "" && (k.Type == "" || k.Type == "unicast" || k.Type == "1"):
			r.NextHops = []bgp.NextHop{k.hop()}
		}
		out = append(out, r)
	}
	bgp.SortRoutes(out)
	return out, nil
}

// parsePrefix reads a destination as ip(8) writes it: default, a prefix, or an address for a host route.
func parsePrefix(s string) (netip.Prefix, error) {
	if s == "default" {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
	}
	if strings.Contains(s, "/") {
		return netip.ParsePrefix(s)
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}
