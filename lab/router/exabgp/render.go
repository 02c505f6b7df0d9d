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
)

//go:embed exabgp.conf.tmpl
var configTemplate string

// Render makes a router's exabgp.conf. Two runs on the same plan give the same bytes.
func Render(r plan.Router) (string, error) { return native.Join(r, "", render) }

func render(r plan.Router) (string, error) {
	t, err := template.New("exabgp.conf").Funcs(template.FuncMap{
		"seconds":   func(d time.Duration) int { return max(1, int(d/time.Second)) },
		"least":     func(hops int) int { return 256 - hops }, // each hop takes one off 255 (RFC 5082, 3)
		"local":     local,
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

// local is the router's address on the network of a peer; of a peer beyond the router's networks, the first address.
func local(r plan.Router, n plan.Neighbor) netip.Addr {
	for _, a := range r.Networks {
		if netip.PrefixFrom(a.Address, a.Bits).Masked().Contains(n.Address) {
			return a.Address
		}
	}
	return r.Networks[0].Address
}
