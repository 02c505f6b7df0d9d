package bird

import (
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/internal/box"
	"skidpad.dev/skidpad/lab/scenario"
)

// Software is BIRD among the members of the kind.
type Software struct{}

// Member is the line of lab.Kinds.
func Member() scenario.Member {
	return router.Member("bird", func() router.Software { return &Software{} })
}

// SetDefaults changes nothing: the software has no fields of its own.
func (*Software) SetDefaults(*scenario.Spec) {}

// Validate finds no mistakes. Another check finds requests beyond the abilities.
func (*Software) Validate(*scenario.Validation, string) {}

// Abilities returns the features of scenario files that BIRD has here.
func (*Software) Abilities() scenario.Abilities {
	return scenario.AllAbilities() &^ (scenario.RoutesIPv6 | scenario.ReportsRestart)
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
	return router.Daemons{Routing: []string{"bird"}}
}

// Commands returns commands for people and for reports.
func (*Software) Commands() router.Commands {
	return router.Commands{
		Sessions: "birdc show protocols",
		State: []string{
			"birdc show protocols all",
			"birdc show route all",
			"cat /etc/bird/bird.conf",
		},
	}
}
