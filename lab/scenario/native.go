package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// NativeConfig is configuration in the language of a router's software. Names in @{…}, such as @{r2.fabric}, stand for
// addresses of the plan. The texts are part of the plan, and of a label of the lab's networks: a password in the texts is
// no secret there.
type NativeConfig struct {
	// Config is added to the rendered configuration: lines of frr.conf, statements of bird.conf, a YAML mapping for gobgpd
	// (lists are appended, mappings are merged, other values are replaced), sections of exabgp.conf.
	Config Snippet `json:"config,omitempty,omitzero"`
	// ConfigFile is Config from a file beside the scenario: r1.conf. A text of the scenario file is {text: TEXT}.
	ConfigFile *File `json:"configFile,omitempty"`
	// Native is a whole file (r1.conf, or {text: TEXT}) in place of the rendered one; excludes bgp, ospf, config and configFile.
	// GoBGP reads TOML, YAML and JSON, by the end of the file's name.
	Native *File `json:"native,omitempty"`
	// Files are further files in the container, by absolute path: {/etc/frr/daemons: FILE}, where FILE is the name of a file beside
	// the scenario, or {text: TEXT} for a text of the scenario file. A file of the same path as one of the software's own
	// wins: /etc/frr/daemons lists the daemons of FRR.
	Files map[string]File `json:"files,omitempty"`
}

// IsNative reports whether a part of the configuration is in the software's language.
func (n NativeConfig) IsNative() bool {
	return n.Config.Text != "" || n.ConfigFile != nil || n.Native != nil
}

// Snippet is a text in a scenario file for another program.
type Snippet struct {
	Text string
	Origin
}

// Origin is the place of a text's first line. The zero value is an unknown place. An origin is not part of the scenario's JSON.
type Origin struct {
	File string
	Line int
}

// MarshalJSON writes the text.
func (s Snippet) MarshalJSON() ([]byte, error) { return json.Marshal(s.Text) }

// UnmarshalJSON reads the text.
func (s *Snippet) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &s.Text) }

// File is a text from a file beside the scenario. In a scenario file, a File is the file's name, or {text: TEXT}.
type File struct {
	Name string `json:"file,omitempty"` // relative to the scenario's folder; empty for a text of the scenario file
	Text string `json:"text"`
	Origin
}

// MarshalJSON writes the name and the text: the JSON form needs no folder.
func (f File) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		File string `json:"file,omitempty"`
		Text string `json:"text"`
	}{f.Name, f.Text})
}

// UnmarshalJSON reads the form of MarshalJSON.
func (f *File) UnmarshalJSON(data []byte) error {
	var in struct{ File, Text string }
	err := json.Unmarshal(data, &in)
	*f = File{Name: in.File, Text: in.Text}
	return err
}

// snippet reads a text. The lines of a block (|) are lines of the scenario file.
func (d decoder) snippet(n *yaml.Node, to *Snippet, at string) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" || strings.TrimSpace(n.Value) == "" {
		d.add(at, "seen %s, want a text", seen(n))
		return
	}
	*to = Snippet{Text: n.Value, Origin: d.origin(n)}
}

func (d decoder) origin(n *yaml.Node) Origin {
	if n.Style&yaml.LiteralStyle == 0 {
		return Origin{}
	}
	return Origin{d.name, n.Line + 1}
}

// file reads a file beside the scenario, or an inline text.
func (d decoder) file(n *yaml.Node, to *File, at string) {
	if n.Kind != yaml.MappingNode {
		d.beside(n, to, at)
		return
	}
	var name *yaml.Node
	inline := false
	given := d.pairs(n, at, func(field string, value *yaml.Node) {
		switch {
		case field == "file":
			name = value
		case field == "text" && value.Kind == yaml.ScalarNode && value.ShortTag() == "!!str":
			to.Text, to.Origin, inline = value.Value, d.origin(value), true
		case field == "text":
			d.add(join(at, field), "seen %s, want a text", seen(value))
		default:
			d.add(join(at, field), "seen an unknown field, want text or file")
		}
	})
	switch {
	case inline && name != nil:
		to.Name = name.Value
	case name != nil:
		d.beside(name, to, at)
	case len(given) == 0:
		d.add(at, "seen neither text nor file, want one of them")
	}
}

// The words for a file in errors.
const (
	inFolder = "a file in the scenario's folder"
	orText   = "; a text of the scenario file itself is {text: TEXT}"
)

// beside reads the file that a node names.
func (d decoder) beside(n *yaml.Node, to *File, at string) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		d.add(at, "seen %s, want the name of a file beside the scenario, or {text: TEXT}", seen(n))
		return
	}
	if strings.Contains(n.Value, "\n") {
		d.add(at, "seen %s, a text, want {text: TEXT}, or the name of %s", seen(n), inFolder)
		return
	}
	if !fs.ValidPath(n.Value) || n.Value == "." {
		d.add(at, "seen %s, want %s, such as r1.conf%s", seen(n), inFolder, orText)
		return
	}
	if d.folder == nil {
		d.add(at, "seen %s, but this scenario has no folder, want {text: TEXT}", seen(n))
		return
	}
	data, err := fs.ReadFile(d.folder, n.Value)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add(at, "seen %s, a file that is not beside the scenario, want %s%s", seen(n), inFolder, orText)
	case err != nil:
		d.add(at, "seen %q, which cannot be read (%v), want %s", n.Value, errors.Unwrap(err), inFolder)
	case len(data) > maxFileSize || !utf8.Valid(data):
		d.add(at, "seen %q, which is no text of at most 1 MiB, want a text", n.Value)
	default:
		*to = File{Name: n.Value, Text: string(data), Origin: Origin{path.Join(path.Dir(d.name), n.Value), 1}}
	}
}

// native checks a router's configuration in the software's language.
func (v *Validation) native(at string, r *Router) {
	if r.Native != nil {
		for _, other := range []struct {
			field string
			set   bool
		}{{"bgp", r.BGP != nil}, {"ospf", r.OSPF != nil}, {"config", r.Config.Text != ""}, {"configFile", r.ConfigFile != nil}} {
			if other.set {
				v.Add(join(at, other.field), "seen it beside native, the whole configuration, want one of them")
			}
		}
		v.PlannedFile(at+".native", *r.Native)
	}
	v.PlannedText(at+".config", r.Config.Text, r.Config.Origin)
	if r.ConfigFile != nil {
		v.PlannedFile(at+".configFile", *r.ConfigFile)
	}
	v.Files(at+".files", r.Files)
}

// Files checks further files of a container.
func (v *Validation) Files(at string, files map[string]File) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !path.IsAbs(name) || path.Clean(name) != name || name == "/" {
			v.Add(join(at, name), "seen the path %q in the container, want an absolute path such as /etc/frr/extra.conf", name)
		}
		v.PlannedFile(join(at, name), files[name])
	}
}

// PlannedFile checks the names in a file's text.
func (v *Validation) PlannedFile(at string, f File) { v.PlannedText(at, f.Text, f.Origin) }

// PlannedText checks that the plan of the scenario knows all names in a text.
func (v *Validation) PlannedText(at, text string, from Origin) {
	for i, line := range strings.Split(text, "\n") {
		for _, name := range NamesIn(line) {
			want := "one of: @{ROUTER.NETWORK} (so for clients, containers and gateways), @{NODE.name}, @{NETWORK.subnet}, @{NETWORK.host}, @{NETWORK.100}, with names of the scenario"
			seen := fmt.Sprintf("@{%s}", name)
			switch {
			case !v.stands(name):
			case v.planned(name):
				continue
			default:
				seen += ", known only to the running lab"
			}
			if from.Line > 0 {
				v.addFrom(at, Origin{from.File, from.Line + i}, "seen %s, want %s", seen, want)
			} else {
				v.addFrom(at, from, "seen %s, want %s", seen, want)
			}
		}
	}
}

// planned reports whether the plan gives the value of an existing name.
func (v *Validation) planned(name string) bool {
	of, what, _ := strings.Cut(name, ".")
	switch {
	case strings.Contains(name, "/"):
		return false
	case what == "ip" && slices.Contains(v.spec.NodeNames(), of):
		return v.spec.Cluster.Provider == ProviderK3s // kind's nodes get addresses from the engine
	}
	return true
}
