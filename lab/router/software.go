package router

import (
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Software is the software of routers: one member of the kind. A member is a folder beside this file, and a line in
// lab.Kinds. Released, Exporter and Follower are optional.
type Software interface {
	scenario.SoftwareFields
	// New returns the router of a plan, running or not, without I/O. ref is the engine's name of the image; only Start
	// needs the image.
	New(e *docker.Engine, p *plan.Plan, r plan.Router, ref string) Router
	// Image returns the catalogue's entry. The entry has the member's name.
	Image() image.Entry
	Daemons() Daemons
	Commands() Commands
}

// Daemons are the names of a software's processes, as the kernel has them (at most 15 letters).
type Daemons struct {
	// Routing processes hold the routes that BGP learned: the routes go when a routing process ends.
	Routing []string
	Others  []string
}

// Commands are shell commands for people and for reports.
type Commands struct {
	Sessions string   // lists the BGP sessions
	State    []string // show the whole state; passwords are left out
	// Config prints the running configuration without skidpad's own additions. Config is empty if the software's
	// configuration changes with the file only.
	Config string
}

// Released is software with releases that can be built.
type Released interface {
	// Releases lists the versions, or the Go modules whose versions can be built.
	Releases() (versions, modules []string)
}

// Member returns the member of the kind for lab.Kinds.
func Member(name string, of func() Software) scenario.Member {
	return scenario.Member{Name: name, New: func() scenario.Fields { return of() }}
}

// Of returns the software of a router.
func Of(p *plan.Plan, r plan.Router) (Software, error) {
	var known []string
	for _, m := range p.Scenario.Kinds().Routers {
		if of, ok := m.New().(Software); ok && m.Name == string(r.Software) {
			return of, nil
		}
		known = append(known, m.Name)
	}
	return nil, fmt.Errorf("router %s: software %q is not known; wanted is one of: %s", r.Name, r.Software, strings.Join(known, ", "))
}

// New returns the router of a plan, running or not, without I/O. ref is the engine's name of the software's image; only
// Start needs the image.
func New(e *docker.Engine, p *plan.Plan, r plan.Router, ref string) (Router, error) {
	of, err := Of(p, r)
	if err != nil {
		return nil, err
	}
	return of.New(e, p, r, ref), nil
}

// All lists the members among kinds.
func All(kinds scenario.Kinds) []Software {
	var all []Software
	for _, m := range kinds.Routers {
		if of, ok := m.New().(Software); ok {
			all = append(all, of)
		}
	}
	return all
}

// Images lists the images of all members.
func Images(kinds scenario.Kinds) []image.Entry {
	var all []image.Entry
	for _, of := range All(kinds) {
		all = append(all, of.Image())
	}
	return all
}
