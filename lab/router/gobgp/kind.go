package gobgp

import (
	"fmt"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/internal/box"
	"skidpad.dev/skidpad/lab/scenario"
)

// Software is GoBGP among the members of the kind.
type Software struct{}

// Member is the line of lab.Kinds.
func Member() scenario.Member {
	return router.Member("gobgp", func() router.Software { return &Software{} })
}

// SetDefaults changes nothing: the software has no fields of its own.
func (*Software) SetDefaults(*scenario.Spec) {}

// Validate checks the native configuration, and refuses the time of stale paths, which GoBGP takes from the peer's restart time.
func (*Software) Validate(v *scenario.Validation, path string) {
	r := v.RouterAt(path)
	if r == nil {
		return
	}
	validateNative(v, r, path)
	if r.BGP == nil {
		return
	}
	for i, p := range r.BGP.Peers {
		if g := p.GracefulRestart; g != nil && g.StalePathTime != 0 {
			v.NotYet(fmt.Sprintf("%s.bgp.peers[%d].gracefulRestart.stalePathTime", path, i), "it with gobgp", "frr")
		}
	}
}

// Abilities returns the features of scenario files that GoBGP has here.
func (*Software) Abilities() scenario.Abilities {
	return scenario.AllAbilities() &^ (scenario.GeneratesTable | scenario.AggregatesRoutes | scenario.OriginatesDefault | scenario.MultihopBFD | scenario.ReportsRestart | scenario.ShutsNodes | scenario.TakesSeveralASNs | scenario.SpeaksOSPF)
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
func (*Software) Daemons() router.Daemons {
	return router.Daemons{Routing: []string{"gobgpd", "zebra"}}
}

// Commands returns commands for people and for reports.
func (*Software) Commands() router.Commands {
	return router.Commands{
		Sessions: "gobgp neighbor",
		State: []string{
			"gobgp neighbor",
			"gobgp global rib",
			"gobgp neighbor -j",
		},
	}
}

// Releases lists the Go modules whose versions can be built.
func (*Software) Releases() (versions, modules []string) {
	return nil, []string{"github.com/osrg/gobgp/v3", "github.com/osrg/gobgp/v4"}
}
