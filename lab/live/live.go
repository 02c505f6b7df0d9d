// Package live is one running lab: handles on nodes, routers and cluster, look-ups of names and addresses, and the
// status. The plan describes the lab; package lab finds the lab by the labels. Packages that break, watch and judge a
// lab build on package live.
package live

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
)

// Lab is a running or half-made lab.
type Lab struct {
	Plan   *plan.Plan
	images map[string]image.Resolved // by plan.Image.Key
	// missing are the parts left out, and the reasons.
	missing map[string]string
	engine  *docker.Engine
}

// New returns the lab of a plan without I/O. The keys of images are plan.Image.Key. missing are the parts left out, and
// the reasons.
func New(e *docker.Engine, p *plan.Plan, images map[string]image.Resolved, missing map[string]string) *Lab {
	return &Lab{Plan: p, images: images, missing: missing, engine: e}
}

// Now returns the clock of all stamps in the lab: CLOCK_MONOTONIC of the engine's machine, in nanoseconds.
func (l *Lab) Now() int64 { return agent.Now(l.engine, l.Plan.Lab) }

// Engine returns the engine that runs the lab.
func (l *Lab) Engine() *docker.Engine { return l.engine }

// Images returns the images of the lab, by plan.Image.Key.
func (l *Lab) Images() map[string]image.Resolved { return l.images }

// Missing returns the parts left out, and the reasons.
func (l *Lab) Missing() map[string]string { return l.missing }

// Notes are facts about a lab that are no problems: substituted parts and parts left out.
func (l *Lab) Notes() []string {
	var notes []string
	if f := l.Plan.Found; f != nil {
		notes = append(notes, "cluster "+f.Name+" ran before the lab and stays: "+strings.Join(f.Lines(), "; "))
	}
	for _, key := range slices.Sorted(maps.Keys(l.images)) {
		i := l.images[key]
		if published := i.StandsInFor(); published != "" {
			notes = append(notes, fmt.Sprintf("%s stands in for %s, which can be neither pulled nor built here", i.Ref, published))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.missing)) {
		notes = append(notes, fmt.Sprintf("%s is left out: %s", name, cmp.Or(l.missing[name], "its images cannot be had")))
	}
	return notes
}

// Kubeconfig returns the path of the lab's own kubeconfig file. Only the owner can read the file.
func (l *Lab) Kubeconfig() (string, error) {
	dir, err := Dir(l.Plan.Lab)
	return filepath.Join(dir, "kubeconfig"), err
}

// Kube opens the cluster's API with the administrator's rights.
func (l *Lab) Kube(ctx context.Context) (*cluster.Kube, error) {
	c, err := l.provider()
	if err != nil {
		return nil, err
	}
	return c.Open(ctx)
}
