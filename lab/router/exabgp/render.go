package exabgp

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"text/template"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/native"
	"skidpad.dev/skidpad/lab/router/internal/reveal"
	"skidpad.dev/skidpad/lab/scenario"
)

//go:embed exabgp.conf.tmpl
var configTemplate string

// Render makes a router's exabgp.conf. Two runs on the same plan give the same bytes.
func Render(r plan.Router) (string, error) { return native.Join(r, "", render) }

func render(r plan.Router) (string, error) {
	t, err := template.New("exabgp.conf").Funcs(template.FuncMap{
		"seconds":   func(d time.Duration) int { return max(1, int(d/time.Second)) },
		"least":     func(hops int) int { return 256 - hops }, // each hop takes one off 255 (RFC 5082, 3)
		"local":     func(r plan.Router, n plan.Neighbor) netip.Addr { return local(r, n, n.Address.Is6()) },
		"announced": announced,
		"families": func(n plan.Neighbor) (all []string) {
			for _, v6 := range plan.Families(n) {
				all = append(all, word(v6))
			}
			return all
		},
		"reveal":    reveal.Password,
		"neighbors": func(r plan.Router) bool { return r.BGP != nil && len(r.BGP.Neighbors) > 0 || r.Native.Configures() },
		"id":        func(r plan.Router) netip.Addr { return r.Networks[0].Address },
	}).Parse(configTemplate)
	if err != nil {
		return "", fmt.Errorf("lab bug: template of exabgp.conf: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return "", fmt.Errorf("exabgp.conf of %s: %w", r.Name, err)
	}
	return strings.TrimLeft(b.String(), "\n"), nil
}

// local is the router's address of an IP family on the network of a peer; of a peer beyond the router's networks, the address
// on the first network.
func local(r plan.Router, n plan.Neighbor, v6 bool) netip.Addr {
	on := r.Networks[0]
	for _, a := range r.Networks {
		if netip.PrefixFrom(a.Address, a.Bits).Masked().Contains(n.Address) || a.Prefix6().Contains(n.Address) {
			on = a
			break
		}
	}
	if v6 {
		return on.Address6
	}
	return on.Address
}

// routes are the announced routes of a family.
type routes struct {
	Family, NextHop string
	Prefixes        []netip.Prefix
	Export          *scenario.RoutePolicy
}

// announced returns the routes for a peer, for each family with a route. The next hop is "self" if the session has an address of
// the family.
func announced(r plan.Router, n plan.Neighbor) []routes {
	var all []routes
	for _, v6 := range plan.Families(n) {
		one := routes{Family: word(v6), NextHop: "self", Export: n.Export}
		if v6 != n.Address.Is6() {
			one.NextHop = local(r, n, v6).String()
		}
		for _, p := range r.BGP.Announce {
			if p.Addr().Is6() == v6 {
				one.Prefixes = append(one.Prefixes, p)
			}
		}
		if len(one.Prefixes) > 0 {
			all = append(all, one)
		}
	}
	return all
}

func word(v6 bool) string {
	if v6 {
		return "ipv6"
	}
	return "ipv4"
}
