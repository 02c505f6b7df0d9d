package bird

import (
	"fmt"
	"regexp"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// pair is a community in the words of BIRD.
func pair(c scenario.Community) string { return strings.ReplaceAll(string(c), ":", ",") }

// condition is a match as a boolean expression of BIRD's filter language; empty if every route matches.
func condition(m *scenario.RouteMatch) (string, error) {
	if m == nil {
		return "", nil
	}
	var all []string
	var prefixes []string
	for _, p := range m.Prefixes {
		within, least, most, err := p.Parse()
		if err != nil {
			return "", err
		}
		prefixes = append(prefixes, fmt.Sprintf("%s{%d,%d}", within, least, most))
	}
	if len(prefixes) > 0 {
		all = append(all, "net ~ [ "+strings.Join(prefixes, ", ")+" ]")
	}
	var pairs []string
	for _, c := range m.Communities {
		pairs = append(pairs, "("+pair(c)+")")
	}
	if len(pairs) > 0 {
		all = append(all, "bgp_community ~ [ "+strings.Join(pairs, ", ")+" ]")
	}
	if m.ASPath != "" {
		mask, ok := pathMask(m.ASPath)
		if !ok {
			return "", fmt.Errorf("AS path %q is no mask of BIRD", m.ASPath)
		}
		all = append(all, "bgp_path ~ "+mask)
	}
	var hops []string
	for _, a := range m.NextHops {
		hops = append(hops, a.String())
	}
	if len(hops) > 0 {
		all = append(all, "defined(bgp_next_hop)", "bgp_next_hop ~ [ "+strings.Join(hops, ", ")+" ]")
	}
	return strings.Join(all, " && "), nil
}

var pathToken = regexp.MustCompile(`^(?:[0-9]+|\[0-9\]\+|\.\*)$`)

// pathMask turns a regular expression of AS numbers, [0-9]+, .* and anchors into a path mask: ^65001_ is [= 65001 * =].
// BIRD has no regular expressions on AS paths. Without an anchor or a border at its end an expression would match parts of
// AS numbers, so pathMask refuses.
func pathMask(expression string) (mask string, ok bool) {
	rest, start := strings.CutPrefix(expression, "^")
	rest, end := strings.CutSuffix(rest, "$")
	words := []string{}
	if !start {
		words = append(words, "*")
	}
	if rest != "" {
		open, shut := strings.HasPrefix(rest, "_"), strings.HasSuffix(rest, "_")
		if !start && !open && !strings.HasPrefix(rest, ".*") || !end && !shut && !strings.HasSuffix(rest, ".*") {
			return "", false
		}
		for _, token := range strings.FieldsFunc(rest, func(r rune) bool { return r == '_' || r == ' ' }) {
			switch {
			case !pathToken.MatchString(token):
				return "", false
			case token == ".*":
				token = "*"
			case token[0] == '[':
				token = "?"
			}
			words = append(words, token)
		}
	}
	if !end {
		words = append(words, "*")
	}
	return "[= " + strings.Join(words, " ") + " =]", true
}
