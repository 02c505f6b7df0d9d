package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Text writes the plan for people: a table for each kind of part, then kind's configuration and the values and manifests
// of the addons.
func (p *Plan) Text() string {
	var t text
	t.line("lab %s: scenario %s, plan %s", p.Lab, p.Scenario.Metadata.Name, p.Hash)
	p.networksText(&t)
	p.clusterText(&t)
	p.routersText(&t)
	p.endsText(&t)
	p.containersText(&t)
	t.table("IMAGE\tHOLDS")
	for _, i := range p.Images {
		t.row(i.Key(), keys(i.Preload))
	}
	t.table("STEP\tAFTER\tWHAT")
	for _, s := range p.Steps {
		t.row(s.Name, strings.Join(s.After, " "), s.What)
	}
	p.documents(&t)
	return t.done()
}

func (p *Plan) networksText(t *text) {
	t.table("NETWORK\tSUBNET\tNODES\tHOST\tBRIDGE\tENGINE'S NAME")
	for _, n := range p.Networks {
		if !n.Bridged() {
			t.row(n.Name, spelled(n.Subnet, n.Subnet6), n.Words())
			continue
		}
		t.row(n.Name, spelled(n.Subnet, n.Subnet6), spelled(n.Nodes, n.Nodes6), n.Host, n.Bridge, n.Docker)
	}
	first := true
	for _, n := range p.Networks {
		if i := n.Impairment; i != nil {
			if first {
				t.table("NETWORK\tDELAY\tJITTER\tLOSS\tRATE\tCORRUPT\tREORDER")
			}
			first = false
			t.row(n.Name, i.Delay, i.Jitter, fmt.Sprintf("%g%%", i.Loss), i.Rate, fmt.Sprintf("%g%%", i.Corrupt), fmt.Sprintf("%g%%", i.Reorder))
		}
	}
}

func (p *Plan) clusterText(t *text) {
	c := p.Cluster
	if c == nil {
		return
	}
	t.table("NODE\tCONTAINER\tNETWORK\tROUTES")
	for _, n := range c.Nodes {
		var routes []string
		for _, r := range c.RoutesOf(n) {
			routes = append(routes, fmt.Sprintf("%s via %s", r.To, r.Via))
		}
		t.row(n.Short, n.Name, c.HomeOf(n), strings.Join(routes, ", "))
	}
	p.nodesText(t)
	t.table("CLUSTER\tPROVIDER\tKUBERNETES\tPODS\tSERVICES")
	t.row(c.Name, c.Provider, cmp.Or(c.Image.Version, p.Scenario.Spec.Cluster.Kubernetes), c.PodCIDR, c.ServiceCIDR)
	if f := p.Found; f != nil {
		t.table("FOUND IN THE CLUSTER")
		for _, line := range f.Lines() {
			t.row(line)
		}
	}
}

func (p *Plan) routersText(t *text) {
	if len(p.Routers) > 0 {
		t.table("ROUTER\tCONTAINER\tSOFTWARE\tADDRESSES\tASN\tHOLD\tPEERS")
	}
	for _, r := range p.Routers {
		asn, hold := "", ""
		var peers []string
		if b := r.BGP; b != nil {
			asn, hold = fmt.Sprint(b.ASN), b.HoldTime.String()
			for _, n := range b.Neighbors {
				peers = append(peers, fmt.Sprintf("%s %s AS%d", n.Name, n.Address, n.ASN))
			}
			for _, g := range b.Ranges {
				peers = append(peers, fmt.Sprintf("%d×%s %s AS%d", g.Sessions, g.Name, g.Prefix, g.ASN))
			}
		}
		t.row(r.Name, r.Container, r.Software, addresses(r.Networks, r.Loopbacks...), asn, hold, strings.Join(peers, ", "))
	}
	p.staticText(t)
	p.ospfText(t)
	if len(p.Gateways) > 0 {
		t.table("GATEWAY\tADDRESSES\tVRID\tADVERTS\tMEMBERS (PRIORITY)")
	}
	for _, g := range p.Gateways {
		var members []string
		for _, m := range g.Members {
			members = append(members, fmt.Sprintf("%s (%d)", m.Router, m.Priority))
		}
		t.row(g.Name, addresses(g.Addresses), g.VRID, every(g.AdvertInterval), strings.Join(members, ", "))
	}
}

func (p *Plan) endsText(t *text) {
	if len(p.Clients) > 0 {
		t.table("CLIENT\tCONTAINER\tADDRESS\tDEFAULT ROUTE")
	}
	for _, c := range p.Clients {
		var ways []string
		for _, a := range []netip.Addr{c.Via, c.Via6} {
			if a.IsValid() {
				ways = append(ways, a.String())
			}
		}
		via := ""
		if len(ways) > 0 {
			via = "via " + strings.Join(ways, " and ")
		}
		if len(c.OnLink) > 0 {
			via = fmt.Sprintf("none; on link: %v", c.OnLink)
		}
		if len(c.Routes) > 0 {
			via = strings.TrimPrefix(via+", "+routesText(c.Routes), ", ")
		}
		t.row(c.Name, c.Container, addresses(c.Attachments()), via)
	}
	if len(p.Workloads) > 0 {
		t.table("WORKLOAD\tREPLICAS\tSERVICE\tEXTERNAL IPS")
	}
	for _, w := range p.Workloads {
		t.row(w.Namespace+"/"+w.Name, w.Replicas, w.Service.Type, joined(w.Service.ExternalIPs))
	}
}

func (p *Plan) documents(t *text) {
	p.nativeText(t)
	if c := p.Cluster; c != nil && c.K3s != nil {
		p.k3sText(t)
	} else if c != nil {
		t.document("kind configuration", c.KindConfig)
	}
	all := p.Addons
	if p.Manifests != nil {
		all = append(slices.Clone(all), *p.Manifests)
	}
	for _, a := range all {
		if a.Chart != nil {
			t.document("values of "+a.Name+" "+a.Version, YAML(a.Chart.Values))
		}
		if len(a.Manifests) > 0 {
			t.document("manifests of "+a.Name+" "+a.Version, strings.Join(a.Manifests, "---\n"))
		}
		for _, o := range a.Objects {
			t.document("object of "+a.Name+", "+o.At, o.Text)
		}
	}
}

// text collects aligned tables and documents, with an empty line between them.
type text struct {
	out  strings.Builder
	rows *tabwriter.Writer
}

func (t *text) line(format string, args ...any) { fmt.Fprintf(&t.out, format+"\n", args...) }

func (t *text) table(header string) {
	t.flush()
	t.out.WriteByte('\n')
	t.rows = tabwriter.NewWriter(&t.out, 0, 0, 2, ' ', tabwriter.StripEscape)
	_, _ = fmt.Fprintln(t.rows, header)
}

func (t *text) row(cells ...any) {
	for i, c := range cells {
		if i > 0 {
			_, _ = fmt.Fprint(t.rows, "\t")
		}
		_, _ = fmt.Fprint(t.rows, c)
	}
	_, _ = fmt.Fprintln(t.rows)
}

func (t *text) document(title, body string) {
	t.flush()
	fmt.Fprintf(&t.out, "\n# %s\n%s", title, body)
}

func (t *text) flush() {
	if t.rows != nil {
		_ = t.rows.Flush()
		t.rows = nil
	}
}

// done returns the text without the trailing blanks of empty last cells.
func (t *text) done() string {
	t.flush()
	lines := strings.Split(t.out.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func addresses(all []Attachment, loopbacks ...netip.Prefix) string {
	out := make([]string, 0, len(all))
	for _, a := range all {
		text := fmt.Sprintf("%s %s/%d", a.Network, a.Address, a.Bits)
		if a.Address6.IsValid() {
			text += " " + a.Address6.String()
		}
		out = append(out, text)
	}
	for _, p := range loopbacks {
		out = append(out, "lo "+p.String())
	}
	return strings.Join(out, ", ")
}

// spelled returns a prefix, followed by the IPv6 prefix if there is any.
func spelled(v4, v6 netip.Prefix) string {
	if v6.IsValid() {
		return v4.String() + " " + v6.String()
	}
	return v4.String()
}

func joined(all []netip.Addr) string {
	out := make([]string, 0, len(all))
	for _, a := range all {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

func keys(images []Image) string {
	out := make([]string, 0, len(images))
	for _, i := range images {
		out = append(out, i.Key())
	}
	return strings.Join(out, ", ")
}

func every(d time.Duration) string { return "every " + d.String() }
