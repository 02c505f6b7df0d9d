package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"
)

// Manifest is Kubernetes objects of the user's own: one object, as a manifest has the object, or {file: NAME} with all objects
// of a file beside the scenario. Names in @{…}, such as @{r1.fabric}, stand for addresses of the lab. The text {image NAME}
// stands for the reference of an image of the catalogue.
type Manifest struct {
	File   *File
	Object map[string]any
	Origin // of the object
}

// MarshalJSON writes the form of the file.
func (m Manifest) MarshalJSON() ([]byte, error) {
	if m.File != nil {
		return json.Marshal(map[string]any{"file": m.File})
	}
	return json.Marshal(m.Object)
}

// UnmarshalJSON reads the form of MarshalJSON.
func (m *Manifest) UnmarshalJSON(data []byte) error {
	*m = Manifest{}
	if err := json.Unmarshal(data, &m.Object); err != nil || m.Object["kind"] != nil {
		return err
	}
	var in struct{ File *File }
	err := json.Unmarshal(data, &in)
	m.File, m.Object = in.File, nil
	return err
}

// manifest decodes a Manifest: a mapping with the field file alone, or an object.
func (d decoder) manifest(n *yaml.Node, to *Manifest, at string) {
	switch {
	case n.Kind != yaml.MappingNode:
		d.add(at, "seen %s, want a Kubernetes object, or {file: NAME}", seen(n))
	case len(n.Content) == 2 && n.Content[0].Value == "file":
		to.File = &File{}
		d.file(n.Content[1], to.File, join(at, "file"))
	default:
		to.Object, _ = d.free(n, at).(map[string]any)
		to.Origin = Origin{d.name, d.lineOf(at)}
	}
}

// Objects returns the objects, as documents of YAML.
func (m Manifest) Objects(at string) []Object {
	if m.File != nil {
		return m.File.Objects(at)
	}
	text, err := kyaml.Marshal(m.Object)
	if err != nil {
		panic("lab bug: " + err.Error())
	}
	return []Object{{Text: string(text), At: m.or(at), Origin: m.Origin}}
}

// Object is a Kubernetes object of a scenario, as YAML.
type Object struct {
	Text string `json:"text"`
	// At is the place in the user's file: objects.yaml:12; the path of the field if the line is unknown.
	At     string `json:"at"`
	Origin `json:"-"`
}

// Where returns the place of a path in the scenario's file: scenario.yaml:12. Without the line, Where returns the path.
func (s *Scenario) Where(path string) string {
	if s.form == nil || s.form.name == "" {
		return path
	}
	return Origin{s.form.name, s.form.lineOf(path)}.or(path)
}

// Path is an absolute path of a file or folder on this machine's disk. In a scenario file, a Path is relative to the
// scenario's folder.
type Path string

// path decodes a Path. Scenarios inside the program have no folder on the disk.
func (d decoder) path(n *yaml.Node, to *Path, at string) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" || n.Value == "" {
		d.add(at, "seen %s, want a path relative to the scenario's folder", seen(n))
		return
	}
	name := n.Value
	if !filepath.IsAbs(name) && d.folder != nil {
		name = filepath.Join(filepath.Dir(d.name), name)
	}
	full, err := filepath.Abs(name)
	if err == nil {
		_, err = os.Stat(full)
	}
	if err != nil {
		d.add(at, "seen %q, which is not on this machine's disk, want a file or folder beside the scenario", shorten(n.Value))
		return
	}
	*to = Path(full)
}

// or returns the place as FILE:LINE, or another text for an unknown place.
func (o Origin) or(other string) string {
	if o.Line == 0 {
		return other
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// Objects splits the text at lines that begin with ---, and leaves out documents without content.
func (f File) Objects(at string) []Object {
	if f.Name != "" {
		at = f.Name
	}
	var all []Object
	var text strings.Builder
	first := 0 // the line of the document's first content, from 1
	end := func() {
		if first > 0 {
			o := Object{Text: text.String(), At: fmt.Sprintf("%s, line %d", at, first)}
			if f.Line > 0 {
				o.Origin = Origin{f.File, f.Line + first - 1}
				o.At = o.or("")
			}
			all = append(all, o)
		}
		text.Reset()
		first = 0
	}
	line := 0
	for content := range strings.Lines(f.Text) {
		line++
		if strings.HasPrefix(content, "---") {
			end()
			continue
		}
		if trimmed := strings.TrimSpace(content); first == 0 && trimmed != "" && trimmed[0] != '#' {
			first = line
		}
		if first > 0 {
			text.WriteString(content)
		}
	}
	end()
	return all
}

// inImage matches the stand-in of an image's reference, or of a part of the reference.
var inImage = regexp.MustCompile(`\{(?:image|repository|tag) ([a-z0-9][a-z0-9._/:-]*(?:@[^} ]+)?)\}`)

// ImagesIn returns the images NAME of {image NAME}, {repository NAME} and {tag NAME} in a text, each once. NAME may be
// NAME@VERSION or a reference.
func ImagesIn(text string) []string {
	var all []string
	for _, m := range inImage.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(all, m[1]) {
			all = append(all, m[1])
		}
	}
	return all
}

// manifests checks the scenario's own objects.
func (v *Validation) manifests() {
	if len(v.spec.Manifests) > 0 && v.spec.Cluster == nil {
		v.Add("spec.manifests", "seen objects, want a spec.cluster for the objects")
	}
	for i, m := range v.spec.Manifests {
		at := fmt.Sprintf("spec.manifests[%d]", i)
		if m.File == nil && m.Object == nil {
			continue
		}
		if m.File != nil {
			at += ".file"
		}
		v.Objects(at, m.Objects(at), false)
	}
}

// Objects checks that each object is YAML with a version, a kind and a name, that the scenario has all names in @{…}, and that
// the images exist. early means that only the plan's names can be used.
func (v *Validation) Objects(at string, all []Object, early bool) {
	if len(all) == 0 && !v.form.has(at) {
		v.Add(at, "seen no object, want at least one")
	}
	for _, o := range all {
		var tree struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if err := kyaml.Unmarshal([]byte(o.Text), &tree); err != nil {
			v.addFrom(at, o.Origin, "seen what is no Kubernetes object (%v), want an object in YAML", strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		for _, f := range []struct{ name, value string }{{"apiVersion", tree.APIVersion}, {"kind", tree.Kind}, {"metadata.name", tree.Metadata.Name}} {
			if f.value == "" {
				v.addFrom(at, o.Origin, "seen an object without %s, want one with apiVersion, kind and metadata.name", f.name)
			}
		}
		v.imagesIn(at, o.Origin, o.Text)
		for _, name := range NamesIn(o.Text) {
			switch {
			case !v.stands(name):
				v.addFrom(at, o.Origin, "seen @{%s}, want %s", name, textNames)
			case early && !v.planned(name):
				v.addFrom(at, o.Origin, "seen @{%s}, known only to the running lab, want it in spec.manifests: these objects come last", name)
			}
		}
	}
}

// Images checks the images that the nodes hold.
func (v *Validation) Images(at string, names []string) {
	v.Repeated(at, names)
	for i, name := range names {
		v.image(fmt.Sprintf("%s[%d]", at, i), Origin{}, name)
	}
}

func (v *Validation) imagesIn(at string, from Origin, text string) {
	for _, name := range ImagesIn(text) {
		v.image(at, from, name)
	}
}

// image checks an image that the nodes hold: a name of the catalogue, or a reference with a tag. The image in the node has its
// own digest.
func (v *Validation) image(at string, from Origin, name string) {
	if ImageReference(name) {
		if !imageRef.MatchString(name) || strings.Contains(name, "@") || !strings.Contains(name[strings.LastIndexByte(name, '/')+1:], ":") {
			v.addFrom(at, from, "seen the image %q, want a reference with a tag and without a digest, such as debian:bookworm-slim", name)
		}
		return
	}
	if of, _, _ := strings.Cut(name, "@"); v.kinds.Images != nil && !slices.Contains(v.kinds.Images, of) {
		v.addFrom(at, from, "seen the image %q, want an image of the catalogue, such as echo, or a reference with a tag, such as %[1]s:latest; `skidpad images` shows the catalogue", of)
	}
}

// addFrom is Add for a mistake in a user's text. The line is of the scenario file, or stands in the message with the name of
// the other file.
func (v *Validation) addFrom(at string, from Origin, format string, args ...any) {
	if v.form.has(at) {
		return
	}
	p := Problem{Path: at, Line: v.found.lineOf(at), Message: fmt.Sprintf(format, args...)}
	switch {
	case from.Line == 0:
	case v.form.name == from.File:
		p.Line = from.Line
	default:
		p.Message = fmt.Sprintf("%s:%d: %s", from.File, from.Line, p.Message)
	}
	v.found.list = append(v.found.list, p)
}

// Values checks the names and the images in the texts of a chart's values.
func (v *Validation) Values(at string, value any) {
	switch value := value.(type) {
	case string:
		for _, name := range NamesIn(value) {
			if !v.stands(name) || !v.planned(name) {
				v.Add(at, "seen @{%s}, want the name of an address that the plan knows, such as @{r1.fabric}", name)
			}
		}
		v.imagesIn(at, Origin{}, value)
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			v.Values(join(at, key), value[key])
		}
	case []any:
		for i, x := range value {
			v.Values(fmt.Sprintf("%s[%d]", at, i), x)
		}
	}
}
