package scenario

import (
	"fmt"
	"net/netip"
	"strings"
)

// The descriptions of addresses of Services.
const (
	poolSpan     = "LoadBalancer pool"
	externalSpan = "external IP"
)

// span is a prefix of the scenario, with path and description.
type span struct {
	path   string
	what   string
	prefix netip.Prefix
	// network is the name, of a network. vip marks a pool and an external IP.
	network string
	vip     bool
}

// prefixes checks each prefix, and that no prefix overlaps another. Hosts on a segment treat a VIP inside the segment's
// network as a neighbour, so packets to the VIP never reach a router: such a VIP needs nodes that answer ARP. A VIP inside the pod or service prefix collides with the
// cluster's own addresses.
func (v *Validation) prefixes() {
	spans := v.spans()
	for _, s := range spans {
		if why := unusable(s.prefix); why != "" {
			v.Add(s.path, "seen %s, %s, want unicast addresses such as 192.0.2.0/24", s.prefix, why)
		}
	}
	told := map[string]bool{} // ranges with a problem
	for i, s := range spans {
		for _, earlier := range spans[:i] {
			if s.path == earlier.path || told[s.path] {
				continue // blocks of the same range
			}
			if s.prefix.Overlaps(earlier.prefix) && !v.inside(s, earlier) {
				told[s.path] = s.vip
				v.Add(s.path, "seen %s, which overlaps %s %s (%s), want %s outside it", written(s.prefix), earlier.what, written(earlier.prefix), earlier.path, noun(s.prefix))
			}
		}
	}
}

// spans returns every prefix in the scenario: first the networks, then the cluster's prefixes, then VIPs.
func (v *Validation) spans() []span {
	var spans []span
	add := func(path, what string, p netip.Prefix) {
		if p.IsValid() && !v.form.has(path) {
			network, _ := strings.CutPrefix(what, "network ")
			spans = append(spans, span{path: path, what: what, prefix: p, network: network, vip: what == poolSpan || what == externalSpan})
		}
	}
	v.spans6(add)
	for i, n := range v.spec.Networks {
		path := fmt.Sprintf("spec.networks[%d].ipv4", i)
		if n.IPv4 == nil || v.form.has(path) {
			continue
		}
		if v.length(path, n, *n.IPv4) {
			add(path, "network "+n.Name, *n.IPv4)
		}
	}
	if c := v.spec.Cluster; c != nil {
		add("spec.cluster.podCIDR", "podCIDR", c.PodCIDR)
		add("spec.cluster.serviceCIDR", "serviceCIDR", c.ServiceCIDR)
	}
	for i, a := range v.spec.Addons {
		field, pools := a.Pools()
		for j, pool := range pools {
			for _, p := range pool.Prefixes() {
				add(fmt.Sprintf("spec.addons[%d].%s.%s[%d]", i, a.Name, field, j), poolSpan, p)
			}
		}
	}
	for i, w := range v.spec.Workloads {
		if w.Echo == nil {
			continue
		}
		for j, a := range w.Echo.Service.ExternalIPs {
			if a.IsValid() {
				add(fmt.Sprintf("spec.workloads[%d].echo.service.externalIPs[%d]", i, j), externalSpan, netip.PrefixFrom(a, a.BitLen()))
			}
		}
	}
	v.loopbackSpans(add)
	v.tableSpans(add)
	return spans
}

// unusable returns the reason why hosts cannot have addresses of a prefix, or "".
func unusable(p netip.Prefix) string {
	for _, reserved := range []struct{ prefix, why string }{
		{"0.0.0.0/8", "which means this host (RFC 1122)"},
		{"127.0.0.0/8", "which is loopback"},
		{"169.254.0.0/16", "which is link-local"},
		{"224.0.0.0/4", "which is multicast"},
		{"240.0.0.0/4", "which is reserved"},
		{"::/8", "which is reserved (RFC 4291)"},
		{"fe80::/10", "which is link-local"},
		{"ff00::/8", "which is multicast"},
	} {
		if p.Overlaps(netip.MustParsePrefix(reserved.prefix)) {
			return reserved.why
		}
	}
	return ""
}

func noun(p netip.Prefix) string {
	if p.IsSingleIP() {
		return "an address"
	}
	return "a prefix"
}

// written returns the text of a prefix. A single address has no length.
func written(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
