// Package manifests is the addon manifests.
package manifests

import (
	"fmt"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Addon is any Kubernetes objects, applied in order: the objects of the files, then Objects. Names in @{…} that the plan knows,
// such as @{r1.fabric}, stand for addresses. The text {image NAME} stands for the reference of an image of the catalogue, or for
// NAME itself if NAME is a reference; the nodes hold these images, too.
type Addon struct {
	Files   []scenario.File     `json:"files,omitempty"`   // beside the scenario; a file has one or more documents
	Objects []scenario.Manifest `json:"objects,omitempty"` // written as in a manifest
	addon.Own
}

// Validate checks the objects and the common fields.
func (a *Addon) Validate(v *scenario.Validation, path string) {
	if len(a.Files)+len(a.Objects) == 0 {
		v.Add(path, "seen neither files nor objects, want at least one")
	}
	for i, f := range a.Files {
		at := fmt.Sprintf("%s.files[%d]", path, i)
		v.Objects(at, f.Objects(at), true)
	}
	for i, m := range a.Objects {
		if at := fmt.Sprintf("%s.objects[%d]", path, i); m.File != nil || m.Object != nil {
			v.Objects(at, m.Objects(at), true)
		}
	}
	a.Own.Validate(v, path)
}

// PlanAddon plans the objects.
func (a *Addon) PlanAddon(b *plan.Builder) plan.Addon {
	out := a.Plan(b)
	for i, f := range a.Files {
		out.Objects = append(out.Objects, f.Objects(fmt.Sprintf("%s.files[%d]", b.Path(), i))...)
	}
	for i, m := range a.Objects {
		out.Objects = append(out.Objects, m.Objects(fmt.Sprintf("%s.objects[%d]", b.Path(), i))...)
	}
	return out
}
