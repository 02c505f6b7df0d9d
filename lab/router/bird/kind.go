package bird

import (
	"fmt"

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

// Validate refuses regular expressions on AS paths beyond BIRD's path masks, and the time of stale paths, which BIRD takes from
// the peer's restart time.
func (*Software) Validate(v *scenario.Validation, path string) {
	r := v.RouterAt(path)
	if r == nil || r.BGP == nil {
		return
	}
	for i, p := range r.BGP.Peers {
		at := fmt.Sprintf("%s.bgp.peers[%d]", path, i)
		if g := p.GracefulRestart; g != nil && g.StalePathTime != 0 {
			v.NotYet(at+".gracefulRestart.stalePathTime", "it with bird", "frr")
		}
		for way, policy := range map[string]*scenario.RoutePolicy{".import": p.Import, ".export": p.Export} {
			if policy == nil {
				continue
			}
			for j, rule := range policy.Rules {
				if rule.Match == nil || rule.Match.ASPath == "" {
					continue
				}
				if _, ok := pathMask(rule.Match.ASPath); !ok {
					v.NotYet(fmt.Sprintf("%s%s.rules[%d].match.asPath", at, way, j), fmt.Sprintf("%q with bird", rule.Match.ASPath),
						"AS numbers, [0-9]+, .* and anchors such as ^65001_, or frr or gobgp")
				}
			}
		}
	}
}

// Abilities returns the features of scenario files that BIRD has here.
func (*Software) Abilities() scenario.Abilities {
	return scenario.AllAbilities() &^ (scenario.AggregatesRoutes | scenario.ReportsRestart)
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
			"birdc show ospf neighbors",
			"birdc show route all",
			"cat /etc/bird/bird.conf",
		},
	}
}
