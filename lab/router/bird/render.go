package bird

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/native"
	"skidpad.dev/skidpad/lab/router/internal/nexthop"
	"skidpad.dev/skidpad/lab/router/internal/reveal"
	"skidpad.dev/skidpad/lab/scenario"
)

//go:embed *.tmpl
var templates embed.FS

// fib is the name of the protocol that puts routes into the kernel's table.
const fib = "fib"

// Render makes a router's bird.conf. Two runs on the same plan give the same bytes.
//
// Without graceful restart in the plan, bird.conf turns graceful restart off. BIRD's default would keep the routes of a
// restarting peer (RFC 4724), and a negative control would then prove nothing.
func Render(r plan.Router) (string, error) { return native.Join(r, "", render) }

func render(r plan.Router) (string, error) {
	t, err := template.New("bird.conf.tmpl").Funcs(template.FuncMap{
		"seconds":      func(d time.Duration) int { return max(1, int(d/time.Second)) },
		"id":           routerID,
		"protocol":     func(name string) string { return "'" + protocolName(name) + "'" },
		"internal":     func(r plan.Router, n plan.Neighbor) bool { return n.ASN == r.BGP.ASN },
		"nextHopSelf":  nexthop.Self,
		"milliseconds": func(d scenario.Duration) int64 { return d.Std().Milliseconds() },
		"hasBFD":       hasBFD,
		"reveal":       reveal.Password,
		"pair":         pair,
		"originates": func(s plan.Speaker) bool {
			return slices.ContainsFunc(s.Neighbors, func(n plan.Neighbor) bool { return n.DefaultOriginate }) ||
				slices.ContainsFunc(s.Ranges, func(r plan.Range) bool { return r.DefaultOriginate })
		},
		"channel": func(p plan.Peering) bool {
			return p.MaxPrefixes > 0 || p.Import != nil || p.Export != nil || p.AddPath != nil || p.DefaultOriginate
		},
		"session":   func(r plan.Router, p plan.Peering) session { return session{p, r.BGP} },
		"clauses":   session.clauses,
		"condition": condition,
		"times":     func(n int) []struct{} { return make([]struct{}, n) },
	}).ParseFS(templates, "*.tmpl")
	if err != nil {
		return "", fmt.Errorf("lab bug: template of bird.conf: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return "", fmt.Errorf("bird.conf of %s: %w", r.Name, err)
	}
	return b.String(), nil
}

// session is a session with the speaker's configuration, for the template's parts.
type session struct {
	plan.Peering
	Speaker *plan.Speaker
}

// clauses returns the steps of a policy of the session, with the ASN for the AS path.
func (s session) clauses(p *scenario.RoutePolicy) struct {
	ASN     uint32
	Clauses []scenario.Clause
} {
	return struct {
		ASN     uint32
		Clauses []scenario.Clause
	}{cmp.Or(s.LocalASN, s.Speaker.ASN), p.Clauses(false)}
}

// routerID is the plan's router ID. Without BGP the router ID has no effect, but BIRD requires one.
func routerID(r plan.Router) string {
	switch {
	case r.BGP != nil:
		return r.BGP.RouterID.String()
	case len(r.Networks) > 0:
		return r.Networks[0].Address.String()
	}
	return "0.0.0.1"
}

func hasBFD(s plan.Speaker) bool {
	return slices.ContainsFunc(s.Neighbors, func(n plan.Neighbor) bool { return n.BFD != nil }) ||
		slices.ContainsFunc(s.Ranges, func(r plan.Range) bool { return r.BFD != nil })
}

// protocolName returns the name of a peer, or of a range, in BIRD's configuration. The prefix avoids clashes: a
// scenario's name may be a word of BIRD's language.
func protocolName(name string) string { return "to-" + name }
