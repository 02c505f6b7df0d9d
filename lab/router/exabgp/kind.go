package exabgp

import (
	"fmt"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/internal/box"
	"skidpad.dev/skidpad/lab/scenario"
)

const name = "exabgp"

// Software is ExaBGP among the members of the kind.
type Software struct{}

// Member is the line of lab.Kinds.
func Member() scenario.Member {
	return router.Member(name, func() router.Software { return &Software{} })
}

// SetDefaults changes nothing: the software has no fields of its own.
func (*Software) SetDefaults(*scenario.Spec) {}

// Validate refuses a session of two ExaBGPs: ExaBGP dials here and does not listen.
func (*Software) Validate(v *scenario.Validation, path string) {
	r := v.RouterAt(path)
	if r == nil || r.BGP == nil {
		return
	}
	for i, p := range r.BGP.Peers {
		if other := v.Spec().Router(p.Router); other != nil && other.Software == name {
			v.NotYet(fmt.Sprintf("%s.bgp.peers[%d].router", path, i), fmt.Sprintf("%q, which runs exabgp too", p.Router), "a peer with other software: exabgp does not listen")
		}
	}
}

// Abilities returns the features of scenario files that ExaBGP has here: ExaBGP announces routes, and forwards nothing.
func (*Software) Abilities() scenario.Abilities {
	return scenario.RestartsGracefully | scenario.SetsOnExport
}

// New returns a handle, without I/O. ref is the engine's name of the image; only Start needs the image.
func (*Software) New(e *docker.Engine, p *plan.Plan, r plan.Router, ref string) router.Router {
	x := &Router{box.NewRouter(e, p, r, ref)}
	x.Answers = x.answers
	return x
}

// Image is the catalogue's entry.
func (*Software) Image() image.Entry { return imageEntry() }

// Daemons are the names of the processes.
func (*Software) Daemons() router.Daemons { return router.Daemons{Routing: []string{"exabgp"}} }

// Commands returns commands for people and for reports.
func (*Software) Commands() router.Commands {
	return router.Commands{
		Sessions: "exabgpcli show neighbor summary",
		State: []string{
			cli("show neighbor extensive"),
			cli("show adj-rib in extensive"),
			cli("show adj-rib out extensive"),
			"sed 's/md5-password .*/md5-password (not shown)/' /run/exabgp/exabgp.conf",
		},
	}
}
