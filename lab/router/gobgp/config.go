package gobgp

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/reveal"
	"skidpad.dev/skidpad/lab/scenario"
)

// config is gobgpd's configuration file, limited to the parts used in labs.
type config struct {
	Global     global        `yaml:"global"`
	Zebra      zebra         `yaml:"zebra"`
	Defined    *definedSets  `yaml:"defined-sets,omitempty"`
	Policies   []policy      `yaml:"policy-definitions,omitempty"`
	Neighbors  []neighbor    `yaml:"neighbors,omitempty"`
	PeerGroups []peerGroup   `yaml:"peer-groups,omitempty"`
	Dynamic    []dynamicPeer `yaml:"dynamic-neighbors,omitempty"`
}

// set is a mapping with all fields under "config", as in OpenConfig.
type set[T any] struct {
	Config T `yaml:"config"`
}

type global struct {
	Config struct {
		AS       uint32 `yaml:"as"`
		RouterID string `yaml:"router-id"`
		Port     int    `yaml:"port,omitempty"`
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
		// Software is the FRR release with the wanted version of the zebra protocol.
		Software string `yaml:"software-name"`
		// Take lists the kinds of routes that zebra passes to GoBGP.
		Take []string `yaml:"redistribute-route-type-list,omitempty"`
	} `yaml:"config"`
}

type neighbor struct {
	Config struct {
		Address     string `yaml:"neighbor-address"`
		PeerAS      uint32 `yaml:"peer-as"`
		Description string `yaml:"description"`
		Password    string `yaml:"auth-password,omitempty"`
		LocalAS     uint32 `yaml:"local-as,omitempty"`
	} `yaml:"config"`
	peering `yaml:",inline"`
}

type peerGroup struct {
	Config struct {
		Name     string `yaml:"peer-group-name"`
		PeerAS   uint32 `yaml:"peer-as"`
		Password string `yaml:"auth-password,omitempty"`
		LocalAS  uint32 `yaml:"local-as,omitempty"`
	} `yaml:"config"`
	peering `yaml:",inline"`
}

type dynamicPeer struct {
	Config struct {
		Prefix    string `yaml:"prefix"`
		PeerGroup string `yaml:"peer-group"`
	} `yaml:"config"`
}

// peering has the common fields of a neighbor and of a group of neighbors.
type peering struct {
	Timers   set[timers]  `yaml:"timers"`
	Graceful set[restart] `yaml:"graceful-restart"`
	Families []family     `yaml:"afi-safis"`
	*options `yaml:",inline"`
}

// options has the rarely used fields of a peering.
type options struct {
	BFD         *set[bfd]         `yaml:"bfd,omitempty"`
	Multihop    *set[multihop]    `yaml:"ebgp-multihop,omitempty"`
	TTLSecurity *set[ttlSecurity] `yaml:"ttl-security,omitempty"`
	Reflector   *set[reflector]   `yaml:"route-reflector,omitempty"`
	Transport   *set[transport]   `yaml:"transport,omitempty"`
	ASPath      *set[asPath]      `yaml:"as-path-options,omitempty"`
}

// bfd has the intervals in microseconds.
type bfd struct {
	Enabled    bool  `yaml:"enabled"`
	Tx         int64 `yaml:"desired-minimum-tx-interval"`
	Rx         int64 `yaml:"required-minimum-receive"`
	Multiplier int   `yaml:"detection-multiplier"`
}

type multihop struct {
	Enabled bool `yaml:"enabled"`
	TTL     int  `yaml:"multihop-ttl"`
}

type ttlSecurity struct {
	Enabled bool `yaml:"enabled"`
	Least   int  `yaml:"ttl-min"`
}

type reflector struct {
	Client  bool   `yaml:"route-reflector-client"`
	Cluster string `yaml:"route-reflector-cluster-id"`
}

type transport struct {
	Passive bool   `yaml:"passive-mode,omitempty"`
	Port    int    `yaml:"remote-port,omitempty"`
	Source  string `yaml:"local-address,omitempty"`
}

type addPaths struct {
	Receive bool `yaml:"receive"`
	Most    int  `yaml:"send-max,omitempty"`
}

// mostPaths is the number of paths that a router sends to a prefix.
const mostPaths = 16

type asPath struct {
	AllowOwn int `yaml:"allow-own-as,omitempty"`
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
	Helper  bool `yaml:"helper-only,omitempty"`
}

type family struct {
	Config struct {
		Name string `yaml:"afi-safi-name"`
	} `yaml:"config"`
	Graceful set[enabled]   `yaml:"mp-graceful-restart"`
	Limit    *set[limit]    `yaml:"prefix-limit,omitempty"`
	AddPaths *set[addPaths] `yaml:"add-paths,omitempty"`
}

type limit struct {
	Most int `yaml:"max-prefixes"`
}

// Render makes a router's gobgpd.yaml. Two runs on the same plan give the same bytes.
func Render(r plan.Router) (string, error) {
	if r.Native.IsWhole() {
		return r.Native.Whole.Text, nil
	}
	rendered, err := render(r)
	if err != nil || !r.Native.Configures() {
		return rendered, err
	}
	return merged(r, rendered)
}

func render(r plan.Router) (string, error) {
	var c config
	if r.BGP == nil && r.Native.Configures() {
		c.useZebra()
	}
	if r.BGP != nil {
		var err error
		if c, err = configOf(r); err != nil {
			return "", fmt.Errorf("gobgpd.yaml of %s: %w", r.Name, err)
		}
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(c); err != nil {
		return "", fmt.Errorf("gobgpd.yaml of %s: %w", r.Name, err)
	}
	return b.String(), nil
}

func configOf(r plan.Router) (config, error) {
	var c config
	c.Global.Config.AS, c.Global.Config.RouterID, c.Global.Config.Port = r.BGP.ASN, r.BGP.RouterID.String(), r.BGP.Port
	c.Global.MultiplePaths.Config.Enabled = r.BGP.MaximumPaths > 1
	c.useZebra()
	if len(r.Links()) > 0 {
		c.Zebra.Config.Take = append(c.Zebra.Config.Take, "connect")
	}
	if len(r.BGP.Static) > 0 {
		c.Zebra.Config.Take = append(c.Zebra.Config.Take, "kernel")
	}
	if len(c.Zebra.Config.Take) > 0 {
		c.announceOnly(r, slices.Concat(r.BGP.Announce, r.BGP.Static))
	}
	for _, n := range r.BGP.Neighbors {
		password, err := reveal.Password(n.Password)
		if err != nil {
			return c, fmt.Errorf("peer %s: %w", n.Name, err)
		}
		out := neighbor{peering: peeringOf(r.BGP, n, n.Peering)}
		out.Config.Address, out.Config.PeerAS, out.Config.Description = n.Address.WithZone(n.Interface).String(), n.ASN, n.Name
		for _, a := range r.Networks {
			if n.Interface == a.Network { // gobgpd looks for the address only once, and the link may come later
				out.Transport = &set[transport]{transport{n.Passive, n.Port, a.LinkLocal().WithZone(n.Interface).String()}}
			}
		}
		out.Config.Password, out.Config.LocalAS = password, n.LocalASN
		c.Neighbors = append(c.Neighbors, out)
		name := n.Name
		if n.Address.Is6() { // a peer may have a session for each family
			name += "/ipv6" + n.Interface
		}
		c.apply(r, name, netip.PrefixFrom(n.Address, n.Address.BitLen()).String(), n, n.Peering)
	}
	for _, g := range r.BGP.Ranges {
		password, err := reveal.Password(g.Password)
		if err != nil {
			return c, fmt.Errorf("peers %s: %w", g.Name, err)
		}
		group := peerGroup{peering: peeringOf(r.BGP, g, g.Peering)}
		group.Config.Name, group.Config.PeerAS, group.Config.Password, group.Config.LocalAS = g.Name, g.ASN, password, g.LocalASN
		c.PeerGroups = append(c.PeerGroups, group)
		var d dynamicPeer
		d.Config.Prefix, d.Config.PeerGroup = g.Prefix.String(), g.Name
		c.Dynamic = append(c.Dynamic, d)
		c.apply(r, g.Name, g.Prefix.String(), g, g.Peering)
	}
	return c, nil
}

// useZebra makes gobgpd give its routes to the zebra beside it.
func (c *config) useZebra() {
	z := &c.Zebra.Config
	z.Enabled, z.URL, z.Version, z.Software = true, "unix:/var/run/frr/zserv.api", 6, "frr8.2"
}

func peeringOf(s *plan.Speaker, peer plan.Carrier, o plan.Peering) peering {
	var p peering
	seconds := func(d time.Duration) int { return max(1, int(d/time.Second)) }
	t := s.TimersOf(o)
	p.Timers.Config = timers{HoldTime: seconds(t.HoldTime.Std()), Keepalive: seconds(t.Keepalive.Std()), Retry: seconds(t.ConnectRetry.Std()), IdleHold: 1}
	f := family{}
	if g := s.RestartOf(o); g.Mode != scenario.RestartOff {
		p.Graceful.Config = restart{Enabled: true, Time: int(g.RestartTime.Std() / time.Second), Helper: g.Mode == scenario.RestartHelper}
		f.Graceful.Config.Enabled = true
	}
	if o.MaxPrefixes > 0 {
		f.Limit = &set[limit]{limit{o.MaxPrefixes}}
	}
	if a := o.AddPath; a != nil {
		f.AddPaths = &set[addPaths]{addPaths{Receive: a.Receive}}
		if a.Send {
			f.AddPaths.Config.Most = mostPaths
		}
	}
	for _, v6 := range plan.Families(peer) {
		f.Config.Name = unicast(v6)
		p.Families = append(p.Families, f)
	}
	p.options = optionsOf(s, o)
	return p
}

// unicast is GoBGP's word for an IP family.
func unicast(v6 bool) string {
	if v6 {
		return "ipv6-unicast"
	}
	return "ipv4-unicast"
}

func optionsOf(s *plan.Speaker, o plan.Peering) *options {
	out := &options{}
	if o.BFD != nil {
		every := o.BFD.Interval.Std().Microseconds()
		out.BFD = &set[bfd]{bfd{true, every, every, o.BFD.Multiplier}}
	}
	if o.Multihop > 0 {
		out.Multihop = &set[multihop]{multihop{true, o.Multihop}}
	}
	if o.TTLSecurity > 0 {
		// The router sends with TTL 255, and each hop takes one off (RFC 5082, 3).
		out.TTLSecurity = &set[ttlSecurity]{ttlSecurity{true, 256 - o.TTLSecurity}}
	}
	if o.RouteReflectorClient {
		out.Reflector = &set[reflector]{reflector{true, s.RouterID.String()}}
	}
	if o.Passive || o.Port > 0 || o.UpdateSource != "" {
		out.Transport = &set[transport]{transport{o.Passive, o.Port, o.UpdateSource}}
	}
	if o.AllowASIn > 0 {
		out.ASPath = &set[asPath]{asPath{o.AllowASIn}}
	}
	return out
}
