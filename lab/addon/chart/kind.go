// Package chart is the addon chart.
package chart

import (
	"cmp"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is any Helm chart, from exactly one source: a repository, a path, or a Go module. In the values, names in @{…} that the
// plan knows, such as @{r1.fabric}, stand for addresses; {image NAME}, {repository NAME} and {tag NAME} stand for the reference
// of an image of the catalogue, and for the parts of the reference.
type Addon struct {
	// Name is the chart's name in the repository, and the default of the release's name; default: the last part of the path or
	// folder.
	Name       string        `json:"name,omitempty"`
	Repository string        `json:"repository,omitempty" jsonschema:"example=https://charts.example.org"` // http or https
	Path       scenario.Path `json:"path,omitempty"`                                                       // a folder or archive, relative to the scenario's folder
	Module     string        `json:"module,omitempty" jsonschema:"example=go.universe.tf/metallb"`         // a Go module with the chart in Folder
	Folder     string        `json:"folder,omitempty" jsonschema:"example=charts/metallb"`                 // of the module
	// Version is the chart's version in the repository, default the newest; or the module's version without the leading v.
	Version   string `json:"version,omitempty" jsonschema:"example=0.15.2"`
	Release   string `json:"release,omitempty"`   // default: the name
	Namespace string `json:"namespace,omitempty"` // made if missing; default: the release's name
	// ValuesFile is a file of values beside the scenario. Values are over ValuesFile.
	ValuesFile *scenario.File `json:"valuesFile,omitempty"`
	Values     map[string]any `json:"values,omitempty"`
	addon.Own
}

// SetDefaults fills in the names.
func (a *Addon) SetDefaults(*scenario.Spec) {
	at := strings.TrimRight(cmp.Or(string(a.Path), a.Folder), "/")
	base := strings.TrimSuffix(at[strings.LastIndexByte(at, '/')+1:], ".tgz")
	scenario.Or(&a.Name, base)
	scenario.Or(&a.Release, a.Name)
	scenario.Or(&a.Namespace, a.Release)
	a.SetNamespace(a.Namespace)
}

// Validate checks the source, the values and the common fields.
func (a *Addon) Validate(v *scenario.Validation, path string) {
	given := a.Path != "" || v.Malformed(path+".path")
	if v.ExactlyOne(path, "repository, path, module", a.Repository != "", given, a.Module != "") {
		a.source(v, path)
	}
	if a.Repository != "" && !strings.HasPrefix(a.Repository, "https://") && !strings.HasPrefix(a.Repository, "http://") {
		v.Add(path+".repository", "seen %q, want a URL that begins with https:// or http://", a.Repository)
	}
	if !given && a.Name == "" {
		v.Add(path+".name", "seen nothing, want the chart's name")
	}
	if a.Release != "" {
		v.Label(path+".release", a.Release)
	}
	if a.Namespace != a.Release {
		v.Label(path+".namespace", a.Namespace)
	}
	if a.ValuesFile != nil {
		if _, err := a.fileValues(); err != nil {
			v.Add(path+".valuesFile", "seen what is no mapping (%v), want a YAML mapping of values", strings.ReplaceAll(err.Error(), "\n", " "))
		}
	}
	v.Values(path+".values", a.values())
	a.Own.Validate(v, path)
}

// source checks the fields that belong to a source.
func (a *Addon) source(v *scenario.Validation, path string) {
	for _, f := range []struct {
		name         string
		value        string
		needs, takes bool
	}{
		{"folder", a.Folder, a.Module != "", a.Module != ""},
		{"version", a.Version, a.Module != "", a.Path == ""},
	} {
		switch {
		case f.value == "" && f.needs:
			v.Add(path+"."+f.name, "seen nothing, want the %s of the module", f.name)
		case f.value != "" && !f.takes:
			v.Add(path+"."+f.name, "seen %q, which the chart's source does not use, want no %s", f.value, f.name)
		}
	}
}

func (a *Addon) fileValues() (map[string]any, error) {
	if a.ValuesFile == nil {
		return nil, nil
	}
	var values map[string]any
	err := yaml.Unmarshal([]byte(a.ValuesFile.Text), &values)
	return values, err
}

// values returns the values of the file below the values of the scenario.
func (a *Addon) values() map[string]any {
	file, _ := a.fileValues()
	return plan.Merge(file, a.Values)
}

// PlanAddon plans the chart.
func (a *Addon) PlanAddon(b *plan.Builder) plan.Addon {
	out := a.Plan(b)
	out.Name, out.Version = fmt.Sprintf("chart %s", a.Release), a.Version
	field := "path"
	switch {
	case a.Repository != "":
		field = "repository"
	case a.Module != "":
		field = "module"
	}
	out.Chart = &plan.Chart{At: b.Where(field), Path: string(a.Path), Module: a.Module, Folder: a.Folder, Repository: a.Repository, Name: a.Name,
		Version: strings.TrimPrefix(a.Version, "v"), Release: a.Release, Namespace: a.Namespace, Values: a.values()}
	return out
}
