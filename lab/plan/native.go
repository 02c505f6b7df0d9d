package plan

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/scenario"
)

// Native is the part of a router's configuration in the language of the software, with addresses in place of names.
type Native struct {
	// Whole replaces the rendered configuration.
	Whole *Snippet `json:"whole,omitempty"`
	// Added texts stand behind the rendered configuration.
	Added []Snippet `json:"added,omitempty"`
	Files []File    `json:"files,omitempty"`
}

// IsWhole reports whether the whole configuration is native.
func (n *Native) IsWhole() bool { return n != nil && n.Whole != nil }

// Configures reports whether a part of the configuration is native.
func (n *Native) Configures() bool { return n != nil && (n.Whole != nil || len(n.Added) > 0) }

// Snippet is a user's text.
type Snippet struct {
	Text string `json:"text"`
	Of   string `json:"of"` // for errors: the name of the file beside the scenario, or the path of the field
	// Origin is the place of the first line. A plan from a lab's record has no origin.
	Origin scenario.Origin `json:"-"`
}

// File is a file of a container.
type File struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Where returns the place of a line of the text, from 1, in the user's file. Line 0 is the text as a whole.
func (s Snippet) Where(line int) string {
	switch {
	case s.Origin.File != "":
		return fmt.Sprintf("%s:%d", s.Origin.File, s.Origin.Line+max(line, 1)-1)
	case line > 0:
		return fmt.Sprintf("%s, line %d", s.Of, line)
	}
	return s.Of
}

// PlannedSessions returns the number of the plan's sessions of a router.
func (r Router) PlannedSessions() int {
	if r.BGP == nil {
		return 0
	}
	n := len(r.BGP.Neighbors)
	for _, g := range r.BGP.Ranges {
		n += g.Sessions
	}
	return n
}

// Plans reports whether the plan has a session with a peer. Every session of a router without native configuration is the
// plan's.
func (r Router) Plans(peer netip.Addr) bool {
	switch {
	case !r.Native.Configures():
		return true
	case r.BGP == nil:
		return false
	}
	return slices.ContainsFunc(r.BGP.Neighbors, func(n Neighbor) bool { return n.Address == peer }) ||
		slices.ContainsFunc(r.BGP.Ranges, func(g Range) bool { return g.Prefix.Contains(peer) })
}

// natives fills in the native configurations: all addresses are known by then.
func (b *builder) natives() {
	for i, r := range b.spec.Routers {
		n := Native{Files: b.files(r.Files)}
		at := fmt.Sprintf("spec.routers[%d].config", i)
		if r.Config.Text != "" {
			n.Added = append(n.Added, Snippet{Text: b.fill(r.Config.Text), Of: at, Origin: r.Config.Origin})
		}
		if r.ConfigFile != nil {
			n.Added = append(n.Added, b.snippet(*r.ConfigFile, at+"File"))
		}
		if r.Native != nil {
			whole := b.snippet(*r.Native, fmt.Sprintf("spec.routers[%d].native", i))
			n.Whole = &whole
		}
		if n.Configures() || len(n.Files) > 0 {
			b.Routers[i].Native = &n
		}
	}
}

func (b *builder) snippet(f scenario.File, at string) Snippet {
	return Snippet{Text: b.fill(f.Text), Of: cmp.Or(f.Name, at), Origin: f.Origin}
}

// files returns the files of a container by path.
func (b *builder) files(all map[string]scenario.File) []File {
	var files []File
	for _, name := range slices.Sorted(maps.Keys(all)) {
		files = append(files, File{Path: name, Text: b.fill(all[name].Text)})
	}
	return files
}

// fill replaces the names in a text whose values the plan knows. The running lab replaces the others; see live.Lab.Fill.
func (b *builder) fill(text string) string {
	values := map[string]string{}
	for _, name := range scenario.NamesIn(text) {
		value, ok := b.Named(name)
		if !ok {
			value = "@{" + name + "}"
		}
		values[name] = value
	}
	return scenario.FillIn(text, values)
}

// Named returns the value of a name in @{…} (see scenario.NamesIn), if the plan knows the value.
func (p *Plan) Named(name string) (string, bool) {
	of, what, ok := strings.Cut(name, ".")
	if !ok {
		return "", false
	}
	for _, a := range p.Attachments()[of] {
		if a.Network == what {
			return a.Address.String(), true
		}
	}
	for _, n := range p.Networks {
		if n.Name != of {
			continue
		}
		offset, err := strconv.Atoi(what)
		switch {
		case what == "subnet":
			return n.Subnet.String(), true
		case what == "host":
			return n.Host.String(), true
		case err == nil && offset > 0 && offset < 255:
			return at(cmp.Or(n.Places, n.Subnet), offset).String(), true
		}
	}
	if p.Cluster == nil {
		return "", false
	}
	for _, n := range p.Cluster.Nodes {
		switch {
		case n.Short != of:
		case what == "name":
			return n.Name, true
		case what == "ip" && n.Address.IsValid():
			return n.Address.String(), true
		}
	}
	return "", false
}

// Attachments returns the attachments of routers, clients, containers and gateways, by name.
func (p *Plan) Attachments() map[string][]Attachment {
	all := map[string][]Attachment{}
	for _, x := range p.Places().Of(node.KindRouter, node.KindClient, node.KindContainer) {
		all[x.Name] = x.Networks
	}
	for _, x := range p.Places().Of(node.KindCluster) {
		if x.Linked() {
			all[x.Name] = slices.DeleteFunc(slices.Clone(x.Networks), func(a Attachment) bool { return !a.Link })
		}
	}
	for _, g := range p.Gateways {
		all[g.Name] = g.Addresses
	}
	return all
}
