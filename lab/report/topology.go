package report

import (
	"fmt"
	"html"
	"html/template"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
)

// The picture's measures, in CSS pixels at the natural size, for the width of a phone.
const (
	boxWide, boxHigh = 108, 50
	boxGap           = 8
	busHigh          = 50 // from a row of boxes to the next, with the network's line between
	picturePad       = 2
	perRow           = 3
)

// box is a node in the picture.
type box struct {
	name, line1, line2, class string
	networks                  []string
}

// picture draws a plan: networks are lines, and each node stands above or below its lines. Clients are at the top,
// routers in the middle, the cluster at the bottom.
type picture struct {
	strings.Builder
	texts   strings.Builder // of the lines: drawn last, over the stubs
	wide, y int
}

// Topology draws the plan as an SVG; the page's styles colour the SVG.
func Topology(p *plan.Plan) template.HTML {
	rows, nets := arrange(p)
	pic := &picture{wide: perRow*(boxWide+boxGap) - boxGap + 2*picturePad, y: picturePad}
	for i, row := range rows {
		pic.row(row, nets, i > 0)
		if i < len(nets) {
			pic.bus(p, nets[i], len(row) > 0)
		}
	}
	pic.y += picturePad
	alt := fmt.Sprintf("Topology of lab %s: %s", p.Lab, describe(rows))
	return template.HTML(fmt.Sprintf(`<svg class="topology" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">%s</svg>`,
		pic.wide, pic.y, pic.wide, pic.y, html.EscapeString(alt), pic.String()+pic.texts.String()))
}

// arrange puts nodes in rows and networks between the rows: rows[i] stands above nets[i].
func arrange(p *plan.Plan) (rows [][]box, nets []string) {
	cluster := ""
	if p.Cluster != nil {
		cluster = p.Cluster.Network
	}
	var beyond []string
	for _, n := range p.Networks {
		if n.Name != cluster {
			beyond = append(beyond, n.Name)
		}
	}
	var top, same []box
	for _, c := range p.Clients {
		b := box{name: c.Name, line1: "client", line2: c.Network.Address.String(), class: "client"}
		for _, a := range c.Attachments() {
			b.networks = append(b.networks, a.Network)
		}
		if c.Network.Network == cluster {
			same = append(same, b)
		} else {
			top = append(top, b)
		}
	}
	for _, c := range p.Containers {
		b := box{name: c.Name, line1: "container", line2: c.Host.Network.Address.String(), class: "client", networks: []string{c.Host.Network.Network}}
		if c.Host.Network.Network == cluster {
			same = append(same, b)
		} else {
			top = append(top, b)
		}
	}
	rows, nets = [][]box{top}, beyond
	for range max(0, len(beyond)-1) {
		rows = append(rows, nil)
	}
	routers := routerBoxes(p)
	if len(beyond) == 0 {
		rows[0] = append(rows[0], routers...)
	} else {
		rows = append(rows, routers)
	}
	if cluster != "" {
		nets = append(nets, cluster)
		rows = append(rows, append(same, nodeBoxes(p)...))
	}
	return rows, nets
}

func routerBoxes(p *plan.Plan) []box {
	var all []box
	for _, r := range p.Routers {
		b := box{name: r.Name, line1: string(r.Software), class: "router"}
		if r.BGP != nil {
			b.line1 = fmt.Sprintf("%s · AS %d", r.Software, r.BGP.ASN)
		}
		var last []string
		for _, a := range r.Networks {
			b.networks = append(b.networks, a.Network)
			last = append(last, lastByte(a.Address.String()))
		}
		b.line2 = strings.Join(slices.Compact(last), " ")
		all = append(all, b)
	}
	return all
}

// lastByte is what tells an address from others of its network.
func lastByte(a string) string { return a[max(0, strings.LastIndexAny(a, ".:")):] }

func nodeBoxes(p *plan.Plan) []box {
	var all []box
	for _, n := range p.Cluster.Nodes {
		b := box{name: n.Short, line1: "node", class: "node", networks: []string{p.Cluster.HomeOf(n)}}
		for _, a := range n.Further {
			b.networks = append(b.networks, a.Network)
		}
		if n.ControlPlane {
			b.line1 = "control plane"
		}
		if short := n.Short; p.Scenario != nil {
			if n := p.Scenario.Spec.NodeSpeaker(); n != nil {
				b.line2 = n.Addon
				for _, in := range n.At(short) {
					b.line2 += fmt.Sprintf(" · AS %d", in.ASN)
				}
			}
		}
		all = append(all, b)
	}
	return all
}

// row draws boxes, in several lines if necessary, and their stubs to the lines above and below.
func (s *picture) row(row []box, nets []string, above bool) {
	for start := 0; start < len(row); start += perRow {
		line := row[start:min(start+perRow, len(row))]
		left := (s.wide - len(line)*(boxWide+boxGap) + boxGap) / 2
		for i, b := range line {
			x := left + i*(boxWide+boxGap)
			if above && start == 0 {
				s.stub(x+boxWide/2, s.y-busHigh/2, s.y)
			}
			if len(row) <= perRow && slices.ContainsFunc(b.networks, func(n string) bool { return s.isBelow(n, nets, b) }) {
				s.stub(x+boxWide/2, s.y+boxHigh, s.y+boxHigh+busHigh/2)
			}
			s.box(x, b)
		}
		s.y += boxHigh
		if start+perRow < len(row) {
			s.y += boxGap
		}
	}
}

// isBelow reports whether a node is drawn below its network: a client's only network, a router's last network.
func (s *picture) isBelow(network string, nets []string, b box) bool {
	return b.class != "node" && (b.class == "router" || len(nets) > 0 && network != nets[len(nets)-1])
}

func (s *picture) stub(x, from, to int) {
	fmt.Fprintf(s, `<path class="stub" d="M%d %dV%d"/>`, x, from, to)
}

func (s *picture) box(x int, b box) {
	fmt.Fprintf(s, `<g class="box %s"><rect x="%d" y="%d" width="%d" height="%d" rx="5"/>`, b.class, x, s.y, boxWide, boxHigh)
	for i, line := range []string{b.name, b.line1, b.line2} {
		class := "sub"
		if i == 0 {
			class = "name"
		}
		fmt.Fprintf(s, `<text class="%s" x="%d" y="%d">%s</text>`, class, x+boxWide/2, s.y+15+i*14, html.EscapeString(line))
	}
	s.WriteString("</g>")
}

// bus draws a network's line with its name, its prefix and the gateways' addresses.
func (s *picture) bus(p *plan.Plan, network string, above bool) {
	y := s.y + busHigh/2
	if !above {
		y = s.y + 16
	}
	fmt.Fprintf(s, `<path class="bus" d="M%d %dH%d"/>`, picturePad, y, s.wide-picturePad)
	prefix := ""
	for _, n := range p.Networks {
		if n.Name == network {
			prefix = n.Subnet.String()
		}
	}
	fmt.Fprintf(&s.texts, `<text class="net" x="%d" y="%d"><tspan class="netname">%s</tspan> %s</text>`, picturePad, y-5, html.EscapeString(network), prefix)
	for _, g := range p.Gateways {
		for _, a := range g.Addresses {
			if a.Network == network {
				fmt.Fprintf(&s.texts, `<text class="net vip" x="%d" y="%d">%s %s · VRRP</text>`, s.wide-picturePad, y+14, html.EscapeString(g.Name), a.Address)
			}
		}
	}
	s.y = y + busHigh/2
}

// describe describes the picture in words.
func describe(rows [][]box) string {
	var parts []string
	for _, row := range rows {
		for _, b := range row {
			text := b.name + " (" + b.line1
			if len(b.networks) > 0 {
				text += " on " + strings.Join(b.networks, " and ")
			}
			parts = append(parts, text+")")
		}
	}
	return strings.Join(parts, ", ")
}
