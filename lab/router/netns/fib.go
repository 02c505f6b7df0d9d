package netns

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/node"
)

// FIB reads the kernel's main routing tables on a node, IPv4 and IPv6, ordered by prefix. FIB leaves out link-local
// prefixes, since every IPv6 interface has them.
func FIB(ctx context.Context, n node.Node) ([]bgp.Route, error) {
	out, err := n.Exec(ctx, "sh", "-c", "ip -j -N -4 route show && ip -j -N -6 route show")
	if err != nil {
		return nil, fmt.Errorf("FIB of %s: %w", n.Name(), err)
	}
	routes, err := parseFIB(out)
	if err != nil {
		return nil, fmt.Errorf("FIB of %s: %w", n.Name(), err)
	}
	return routes, nil
}

// kernelRoute is a route in the output of `ip -j route show`.
type kernelRoute struct {
	Type     string `json:"type"` // absent for unicast
	Dst      string `json:"dst"`
	Protocol string `json:"protocol"`
	kernelHop
	NextHops []kernelHop `json:"nexthops"`
	Pref     string      `json:"pref"`
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

// protocols names the rtnetlink protocol numbers of labs (linux/rtnetlink.h). FIB asks for numbers, since iproute2
// takes the names from a file, and images may lack the file. ip(8) omits the protocol boot.
var protocols = map[string]string{"": "boot", "2": "kernel", "3": "boot", "4": "static", "11": "zebra", "12": "bird", "186": "bgp",
	"187": "isis", "188": "ospf", "196": "static"}

// parseFIB reads the output of `ip -j -N route show`, once for each family. Some versions print nothing for an empty
// table.
func parseFIB(data []byte) ([]bgp.Route, error) {
	var out []bgp.Route
	tables := json.NewDecoder(bytes.NewReader(data))
	for {
		var in []kernelRoute
		err := tables.Decode(&in)
		if errors.Is(err, io.EOF) {
			bgp.SortRoutes(out)
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("output of ip route: %w; it begins %.80q", err, data)
		}
		routes, err := routesOf(in)
		if err != nil {
			return nil, err
		}
		out = append(out, routes...)
	}
}

func routesOf(in []kernelRoute) ([]bgp.Route, error) {
	out := make([]bgp.Route, 0, len(in))
	for _, k := range in {
		prefix, err := parsePrefix(k)
		if err != nil {
			return nil, err
		}
		if prefix.Addr().IsLinkLocalUnicast() && prefix.Addr().Is6() {
			continue
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
	return out, nil
}

// parsePrefix reads a destination in the output of ip(8): default, a prefix, or an address for a host route. Only IPv6
// routes have a preference (RFC 4191): the preference shows the family of a default route.
func parsePrefix(k kernelRoute) (netip.Prefix, error) {
	s := k.Dst
	if s == "default" && k.Pref != "" {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), nil
	}
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
