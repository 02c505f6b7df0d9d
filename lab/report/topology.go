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
	fewest, most     = 3, 5 // boxes of a full row; a longer row makes the picture wider
	perRow           = 3
)

// box is a node in the picture.
type box struct {
	name, line1, line2, class string
	networks                  []string

	x, y int // of the upper left corner
	// up and down report whether no other box of the same row stands between this box and the lines above and below.
	up, down bool
}

// picture draws a plan: networks are lines, and each node has a stub to each of its networks, with a dot at the end. Clients are
// at the top, routers in the middle, the cluster at the bottom.
type picture struct {
	lines, stubs, boxes, texts strings.Builder // drawn in this order
	perRow, wide, y            int
	buses                      map[string]int // the height of each network's line
}

// Topology draws the plan as an SVG; the page's styles colour the SVG.
func Topology(p *plan.Plan) template.HTML {
	rows, nets := arrange(p)
	perRow := fewest
	for _, row := range rows {
		perRow = max(perRow, min(len(row), most))
	}
	pic := &picture{perRow: perRow, wide: perRow*(boxWide+boxGap) - boxGap + 2*picturePad, y: picturePad, buses: map[string]int{}}
	for i, row := range rows {
		pic.place(row)
		if i < len(nets) {
			pic.bus(p, nets[i], len(row) > 0)
		}
	}
	for _, row := range rows {
		for _, b := range row {
			pic.join(b)
			pic.box(b)
		}
	}
	pic.y += picturePad
	alt := fmt.Sprintf("Topology of lab %s: %s", p.Lab, describe(rows))
	return template.HTML(fmt.Sprintf(`<svg class="topology" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">%s</svg>`,
		pic.wide, pic.y, pic.wide, pic.y, html.EscapeString(alt), pic.lines.String()+pic.stubs.String()+pic.boxes.String()+pic.texts.String()))
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
		b := box{name: c.Name, line1: "container", line2: c.Host.Network.Address.String(), class: "client"}
		for _, a := range c.Host.Attachments() {
			b.networks = append(b.networks, a.Network)
		}
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

// place puts boxes on lines, several if necessary.
func (s *picture) place(row []box) {
	for start := 0; start < len(row); start += s.perRow {
		line := row[start:min(start+s.perRow, len(row))]
		left := (s.wide - len(line)*(boxWide+boxGap) + boxGap) / 2
		for i := range line {
			line[i].x, line[i].y = left+i*(boxWide+boxGap), s.y
			line[i].up, line[i].down = start == 0, start+s.perRow >= len(row)
		}
		s.y += boxHigh
		if start+s.perRow < len(row) {
			s.y += boxGap
		}
	}
}

// join draws the stubs from a box to its networks' lines. A stub crosses the lines of other networks without a dot.
func (s *picture) join(b box) {
	for i, n := range b.networks {
		bus, ok := s.buses[n]
		from := b.y
		if bus > b.y {
			from = b.y + boxHigh
		}
		if !ok || bus < b.y && !b.up || bus > b.y && !b.down {
			continue
		}
		x := b.x + boxWide*(i+1)/(len(b.networks)+1)
		fmt.Fprintf(&s.stubs, `<path class="stub" d="M%d %dV%d"/><circle class="dot" cx="%[1]d" cy="%[3]d" r="3"/>`, x, from, bus)
	}
}

func (s *picture) box(b box) {
	fmt.Fprintf(&s.boxes, `<g class="box %s"><rect x="%d" y="%d" width="%d" height="%d" rx="5"/>`, b.class, b.x, b.y, boxWide, boxHigh)
	for i, line := range []string{b.name, b.line1, b.line2} {
		class := "sub"
		if i == 0 {
			class = "name"
		}
		fmt.Fprintf(&s.boxes, `<text class="%s" x="%d" y="%d">%s</text>`, class, b.x+boxWide/2, b.y+15+i*14, html.EscapeString(line))
	}
	s.boxes.WriteString("</g>")
}

// bus draws a network's line with its name, its prefix and the gateways' addresses.
func (s *picture) bus(p *plan.Plan, network string, above bool) {
	y := s.y + busHigh/2
	if !above {
		y = s.y + 16
	}
	s.buses[network] = y
	fmt.Fprintf(&s.lines, `<path class="bus" d="M%d %dH%d"/>`, picturePad, y, s.wide-picturePad)
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
