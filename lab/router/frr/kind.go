package frr

import (
	"fmt"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/router/internal/box"
	"skidpad.dev/skidpad/lab/scenario"
)

// Software is FRR among the members of the kind.
type Software struct{}

// Member is the line of lab.Kinds.
func Member() scenario.Member {
	return router.Member("frr", func() router.Software { return &Software{} })
}

// SetDefaults changes nothing: the software has no fields of its own.
func (*Software) SetDefaults(*scenario.Spec) {}

// Validate refuses BFD together with TTL security, and different times of graceful restart: FRR has the same for all peers.
func (*Software) Validate(v *scenario.Validation, path string) {
	r := v.RouterAt(path)
	if r == nil || r.BGP == nil {
		return
	}
	var times scenario.PeerRestart
	for i, p := range r.BGP.Peers {
		if g := p.GracefulRestart; g != nil {
			at := fmt.Sprintf("%s.bgp.peers[%d].gracefulRestart", path, i)
			scenario.Or(&times.RestartTime, g.RestartTime)
			scenario.Or(&times.StalePathTime, g.StalePathTime)
			if g.RestartTime != 0 && g.RestartTime != times.RestartTime {
				v.Add(at+".restartTime", "seen %s and %s, want the same in all peers: FRR has one for all", times.RestartTime, g.RestartTime)
			}
			if g.StalePathTime != 0 && g.StalePathTime != times.StalePathTime {
				v.Add(at+".stalePathTime", "seen %s and %s, want the same in all peers: FRR has one for all", times.StalePathTime, g.StalePathTime)
			}
		}
		if p.BFD != nil && p.TTLSecurity != 0 {
			v.Add(fmt.Sprintf("%s.bgp.peers[%d].ttlSecurity", path, i), "seen it with bfd, want one of them: FRR then asks for multihop BFD, which is not single-hop's port (RFC 5883)")
		}
	}
}

// Abilities returns the features of scenario files that FRR has here.
func (*Software) Abilities() scenario.Abilities {
	return scenario.AllAbilities() &^ scenario.GeneratesTable
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
	return router.Daemons{Routing: []string{"bgpd", "zebra"}, Others: []string{"ospfd", "ospf6d", "bfdd", "staticd", "mgmtd", "watchfrr"}}
}

// Commands returns commands for people and for reports.
func (*Software) Commands() router.Commands {
	return router.Commands{
		Sessions: "vtysh -c 'show bgp summary'",
		State: []string{
			"vtysh -c 'show bgp summary'",
			"vtysh -c 'show bgp neighbors'",
			"vtysh -c 'show bgp ipv4 unicast'",
			"vtysh -c 'show bgp ipv6 unicast'",
			"vtysh -c 'show ip route'",
			"vtysh -c 'show ipv6 route'",
			"vtysh -c 'show ip ospf neighbor'",
			"vtysh -c 'show ipv6 ospf6 neighbor'",
			"vtysh -c 'show bfd peers'",
			"vtysh -c 'show running-config' | sed 's/ password .*/ password (not shown)/'",
			"tail -n 200 /var/log/frr/frr.log",
		},
		Config: "vtysh -c 'show running-config' | grep -v bmp",
	}
}

// Releases lists the versions of FRR that can be built, oldest first.
func (*Software) Releases() (versions, modules []string) {
	for _, r := range releases() {
		versions = append(versions, r.version)
	}
	return versions, nil
}
