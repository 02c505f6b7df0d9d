package gobgp

import (
	"bytes"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/nexthop"
)

// config is gobgpd's configuration file, in the parts that labs use.
type config struct {
	Global     global        `yaml:"global"`
	Zebra      zebra         `yaml:"zebra"`
	Defined    *definedSets  `yaml:"defined-sets,omitempty"`
	Policies   []policy      `yaml:"policy-definitions,omitempty"`
	Neighbors  []neighbor    `yaml:"neighbors,omitempty"`
	PeerGroups []peerGroup   `yaml:"peer-groups,omitempty"`
	Dynamic    []dynamicPeer `yaml:"dynamic-neighbors,omitempty"`
}

// set is a mapping whose fields all are in its config, as OpenConfig has it.
type set[T any] struct {
	Config T `yaml:"config"`
}

type global struct {
	Config struct {
		AS       uint32 `yaml:"as"`
		RouterID string `yaml:"router-id"`
	} `yaml:"config"`
	MultiplePaths set[enabled] `yaml:"use-multiple-paths"`
	Apply         *set[apply]  `yaml:"apply-policy,omitempty"`
}

type enabled struct {
	Enabled bool `yaml:"enabled"`
}

type apply struct {
	Import []string `yaml:"import-policy-list,omitempty"`
	Export []string `yaml:"export-policy-list,omitempty"`
}

type zebra struct {
	Config struct {
		Enabled bool   `yaml:"enabled"`
		URL     string `yaml:"url"`
		Version int    `yaml:"version"`
		// Software is the FRR release of whose protocol version it is.
		Software string `yaml:"software-name"`
	} `yaml:"config"`
}

type neighbor struct {
	Config struct {
		Address     string `yaml:"neighbor-address"`
		PeerAS      uint32 `yaml:"peer-as"`
		Description string `yaml:"description"`
	} `yaml:"config"`
	peering `yaml:",inline"`
}

type peerGroup struct {
	Config struct {
		Name   string `yaml:"peer-group-name"`
		PeerAS uint32 `yaml:"peer-as"`
	} `yaml:"config"`
	peering `yaml:",inline"`
}

type dynamicPeer struct {
	Config struct {
		Prefix    string `yaml:"prefix"`
		PeerGroup string `yaml:"peer-group"`
	} `yaml:"config"`
}

// peering is what a neighbor and a group of them have alike.
type peering struct {
	Timers   set[timers]  `yaml:"timers"`
	Graceful set[restart] `yaml:"graceful-restart"`
	Families []family     `yaml:"afi-safis"`
}

// timers are in seconds.
type timers struct {
	HoldTime  int `yaml:"hold-time"`
	Keepalive int `yaml:"keepalive-interval"`
	Retry     int `yaml:"connect-retry"`
	IdleHold  int `yaml:"idle-hold-time-after-reset"`
}

type restart struct {
	Enabled bool `yaml:"enabled"`
	Time    int  `yaml:"restart-time,omitempty"` // seconds
}

type family struct {
	Config struct {
		Name string `yaml:"afi-safi-name"`
	} `yaml:"config"`
	Graceful set[enabled] `yaml:"mp-graceful-restart"`
}

type definedSets struct {
	Neighbors []neighborSet `yaml:"neighbor-sets,omitempty"`
}

type neighborSet struct {
	Name string   `yaml:"neighbor-set-name"`
	List []string `yaml:"neighbor-info-list"`
}

type policy struct {
	Name       string      `yaml:"name"`
	Statements []statement `yaml:"statements"`
}

type statement struct {
	Conditions struct {
		Neighbors struct {
			Set string `yaml:"neighbor-set"`
		} `yaml:"match-neighbor-set"`
	} `yaml:"conditions"`
	Actions struct {
		BGP bgpActions `yaml:"bgp-actions"`
	} `yaml:"actions"`
}

type bgpActions struct {
	NextHop string `yaml:"set-next-hop,omitempty"`
}

// restartTime is for how long peers keep the routes of one that restarts, in seconds: what FRR asks for by default.
const restartTime = 120

// Render makes a router's gobgpd.yaml. Two runs on the same plan give the same bytes.
func Render(r plan.Router) (string, error) {
	var c config
	if r.BGP != nil {
		c = configOf(r)
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(c); err != nil {
		return "", fmt.Errorf("gobgpd.yaml of %s: %w", r.Name, err)
	}
	return b.String(), nil
}

func configOf(r plan.Router) config {
	var c config
	c.Global.Config.AS, c.Global.Config.RouterID = r.BGP.ASN, r.BGP.RouterID.String()
	c.Global.MultiplePaths.Config.Enabled = r.BGP.MaximumPaths > 1
	z := &c.Zebra.Config
	z.Enabled, z.URL, z.Version, z.Software = true, "unix:/var/run/frr/zserv.api", 6, "frr8.2"
	for _, n := range r.BGP.Neighbors {
		out := neighbor{peering: peeringOf(r.BGP)}
		out.Config.Address, out.Config.PeerAS, out.Config.Description = n.Address.String(), n.ASN, n.Name
		c.Neighbors = append(c.Neighbors, out)
		if nexthop.Self(r, n) {
			c.export(n.Name, n.Address.String()+"/32", bgpActions{NextHop: "self"})
		}
	}
	for _, g := range r.BGP.Ranges {
		group := peerGroup{peering: peeringOf(r.BGP)}
		group.Config.Name, group.Config.PeerAS = g.Name, g.ASN
		c.PeerGroups = append(c.PeerGroups, group)
		var d dynamicPeer
		d.Config.Prefix, d.Config.PeerGroup = g.Prefix.String(), g.Name
		c.Dynamic = append(c.Dynamic, d)
	}
	return c
}

func peeringOf(s *plan.Speaker) peering {
	var p peering
	seconds := func(d time.Duration) int { return max(1, int(d/time.Second)) }
	p.Timers.Config = timers{HoldTime: seconds(s.HoldTime), Keepalive: seconds(s.Keepalive), Retry: 1, IdleHold: 1}
	f := family{}
	f.Config.Name = "ipv4-unicast"
	if s.GracefulRestart {
		p.Graceful.Config = restart{true, restartTime}
		f.Graceful.Config.Enabled = true
	}
	p.Families = []family{f}
	return p
}

// export has a policy applied to what is sent to peers, named by their addresses.
func (c *config) export(name, peers string, actions bgpActions) {
	if c.Defined == nil {
		c.Defined = &definedSets{}
	}
	if c.Global.Apply == nil {
		c.Global.Apply = &set[apply]{}
	}
	c.Defined.Neighbors = append(c.Defined.Neighbors, neighborSet{name, []string{peers}})
	var s statement
	s.Conditions.Neighbors.Set = name
	s.Actions.BGP = actions
	c.Policies = append(c.Policies, policy{"to-" + name, []statement{s}})
	c.Global.Apply.Config.Export = append(c.Global.Apply.Config.Export, "to-"+name)
}
