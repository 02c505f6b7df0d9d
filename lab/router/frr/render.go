package frr

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"text/template"
	"time"

	"skidpad.dev/skidpad/lab/plan"
)

//go:embed frr.conf.tmpl
var configTemplate string

// daemonsFile says which daemons FRR's scripts start and how. bgpd's BMP module lets a monitoring station
// watch it; it does nothing until it is configured.
const daemonsFile = `zebra=yes
bgpd=yes
staticd=yes
bfdd=yes
vtysh_enable=yes
zebra_options="-A 127.0.0.1 -s 90000000"
bgpd_options="-A 127.0.0.1 -M bmp"
staticd_options="-A 127.0.0.1"
bfdd_options="-A 127.0.0.1"
`

const vtyshFile = "service integrated-vtysh-config\n"

// Render makes a router's frr.conf. Two runs on the same plan give the same bytes.
//
// Without graceful restart in the plan it is disabled, not left to FRR's default, which would help a peer
// that restarts by keeping its routes (RFC 4724): a negative control would then prove nothing.
func Render(r plan.Router) (string, error) {
	t, err := template.New("frr.conf").Funcs(template.FuncMap{
		"seconds":     func(d time.Duration) int { return max(1, int(d/time.Second)) },
		"nextHopSelf": nextHopSelf,
	}).Parse(configTemplate)
	if err != nil {
		return "", fmt.Errorf("lab bug: template of frr.conf: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return "", fmt.Errorf("frr.conf of %s: %w", r.Name, err)
	}
	return b.String(), nil
}

// nextHopSelf reports whether the router must name itself as the next hop towards an internal peer.
//
// A route from outside keeps its next hop within the AS (RFC 4271, 5.1.3). Where all external peers are on
// the network on which the internal one is, that is right: it reaches the node itself and goes on doing so
// when this router is gone. An internal peer elsewhere could not resolve such a next hop, since no IGP runs here.
func nextHopSelf(r plan.Router, n plan.Neighbor) bool {
	if n.ASN != r.BGP.ASN {
		return false
	}
	var shared netip.Prefix
	for _, a := range r.Networks {
		if p := netip.PrefixFrom(a.Address, a.Bits).Masked(); p.Contains(n.Address) {
			shared = p
		}
	}
	for _, other := range r.BGP.Neighbors {
		if other.ASN != r.BGP.ASN && !shared.Contains(other.Address) {
			return true
		}
	}
	for _, g := range r.BGP.Ranges {
		if g.ASN != r.BGP.ASN && !shared.Contains(g.Prefix.Addr()) {
			return true
		}
	}
	return false
}
