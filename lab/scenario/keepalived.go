package scenario

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// GatewayOptions are the less common settings of a gateway: keepalived.conf(5).
type GatewayOptions struct {
	// Version is the version of VRRP: 3 (RFC 9568) or 2 (RFC 3768, IPv4 only); default 3. Version 2 counts whole seconds.
	Version int `json:"version,omitempty" jsonschema:"enum=2,enum=3"`
	// VirtualRouterID is VRRP's VRID, 1 to 255 (virtual_router_id); default: 1 for the first gateway, 2 for the next one.
	VirtualRouterID int `json:"virtualRouterID,omitempty" jsonschema:"minimum=1,maximum=255"`
	// State is the first state of the first member: backup waits for silence, master sends at once (state); default backup.
	State StartState `json:"state,omitempty" jsonschema:"enum=backup,enum=master"`
	// NoPreempt lets a member of lower priority keep the address when a higher one returns (nopreempt); default false. NoPreempt
	// excludes state master, PreemptDelay, and tracking of BGP, whose members change their priorities.
	NoPreempt bool `json:"noPreempt,omitempty"`
	// PreemptDelay is the pause of a returned member before it takes the address (preempt_delay), whole seconds up to 1000s;
	// default none. PreemptDelay excludes state master: keepalived then ignores the delay.
	PreemptDelay Duration `json:"preemptDelay,omitempty"`
	// GARP are the gratuitous ARP requests of a new holder (vrrp_garp_*).
	GARP *GARP `json:"garp,omitempty"`
	// Checks are scripts of one's own. A failed check without weight takes the address from the member.
	Checks []GatewayCheck `json:"checks,omitempty"`
	// Notify is a script of one's own, run at each change of state with the arguments GROUP or INSTANCE, the name, the state and
	// the priority (notify).
	Notify *File `json:"notify,omitempty"`
}

// StartState is the first state of a gateway's first member.
type StartState string

// The first states.
const (
	StartBackup StartState = "backup"
	StartMaster StartState = "master"
)

// GARP are settings of gratuitous ARP. Times are whole seconds, but Interval.
type GARP struct {
	MasterDelay         Duration `json:"masterDelay,omitempty"`                                            // pause before the second group; 1s to 255s; default 5s
	MasterRepeat        int      `json:"masterRepeat,omitempty" jsonschema:"minimum=1,maximum=255"`        // packets of a group; default 5
	MasterRefresh       Duration `json:"masterRefresh,omitempty"`                                          // pause between refreshes; default none
	MasterRefreshRepeat int      `json:"masterRefreshRepeat,omitempty" jsonschema:"minimum=1,maximum=255"` // packets of a refresh; default 1
	Interval            Duration `json:"interval,omitempty"`                                               // pause between two packets, a multiple of 10ms up to 1s; default none
}

// GatewayCheck is a check script of a gateway (vrrp_script).
type GatewayCheck struct {
	Name string `json:"name"`
	// Script is a program that ends with 0 while the member may hold the address.
	Script File `json:"script"`
	// Interval is the pause between two runs: whole seconds up to 3600s; default 1s.
	Interval Duration `json:"interval,omitempty"`
	// Timeout ends a run that takes longer, as a failure: whole seconds up to 1000s; default 10s.
	Timeout Duration `json:"timeout,omitempty"`
	Fall    int      `json:"fall,omitempty" jsonschema:"minimum=1,maximum=1000"` // failures in a row until the check has failed; default 1
	Rise    int      `json:"rise,omitempty" jsonschema:"minimum=1,maximum=1000"` // successes in a row until the check holds; default 1
	// Weight is added to the priority: a negative number after a failure, a positive one after a success; default 0: a failed
	// check takes the address away whatever the priority.
	Weight int `json:"weight,omitempty" jsonschema:"minimum=-253,maximum=253"`
}

func (g *Gateway) setDefaults() {
	Or(&g.Protocol, "vrrp")
	if g.Version == 2 {
		Or(&g.AdvertInterval, Duration(time.Second))
	}
	Or(&g.AdvertInterval, DefaultAdvertInterval)
	for i := range g.Checks {
		c := &g.Checks[i]
		Or(&c.Interval, Duration(time.Second))
		Or(&c.Timeout, Duration(10*time.Second))
		Or(&c.Fall, 1)
		Or(&c.Rise, 1)
	}
}

var checkNameForm = regexp.MustCompile(`^[a-z0-9-]{1,30}$`)

// EndpointVRID is the VRRP router ID of the API's address (cluster.apiEndpoint).
const EndpointVRID = 80

// VRID returns the number of the virtual router of the gateway with an index.
func (s *Spec) VRID(i int) int { return cmp.Or(s.Gateways[i].VirtualRouterID, i+1) }

// keepalived checks the less common settings of the gateway with an index.
func (v *Validation) keepalived(at string, i int) {
	g := v.spec.Gateways[i]
	v.virtualRouter(at+".virtualRouterID", i)
	if g.Version == 2 {
		if v.spec.IPv6() {
			v.Add(at+".version", "seen 2 in a lab with IPv6, want 3: version 2 has IPv4 only (RFC 3768)")
		}
		if d := g.AdvertInterval.Std(); d%time.Second != 0 || d > 255*time.Second {
			v.Add(at+".advertInterval", "seen %s with version 2, want whole seconds from 1s to 255s (RFC 3768, 5.3.7)", g.AdvertInterval)
		}
	}
	v.optionalSeconds(at+".preemptDelay", g.PreemptDelay, 1000)
	if g.PreemptDelay != 0 && g.State == StartMaster {
		v.Add(at+".preemptDelay", "seen it beside state master, want one of them: keepalived ignores the delay then")
	}
	if g.NoPreempt {
		tracks := slices.ContainsFunc(g.Members, func(m string) bool { r := v.spec.Router(m); return r != nil && r.BGP.LearnsFromNodes() })
		for _, o := range []struct {
			field string
			set   bool
			why   string
		}{
			{"state", g.State == StartMaster, "state master"}, {"preemptDelay", g.PreemptDelay != 0, "a delay of the preemption"},
			{"members", tracks, "members that learn routes from nodes, whose priorities change"},
		} {
			if o.set {
				v.Add(at+"."+o.field, "seen %s beside noPreempt, want one of them", o.why)
			}
		}
	}
	if a := g.GARP; a != nil {
		v.optionalSeconds(at+".garp.masterDelay", a.MasterDelay, 255)
		v.optionalSeconds(at+".garp.masterRefresh", a.MasterRefresh, 3600)
		if a.Interval != 0 {
			v.hundredths(at+".garp.interval", a.Interval)
		}
		if a.MasterRefreshRepeat != 0 && a.MasterRefresh == 0 {
			v.Add(at+".garp.masterRefreshRepeat", "seen it without masterRefresh, want both")
		}
	}
	var names []string
	for i, c := range g.Checks {
		here := fmt.Sprintf("%s.checks[%d]", at, i)
		if !checkNameForm.MatchString(c.Name) {
			v.Add(here+".name", "seen %q, want 1 to 30 lower-case letters, digits and hyphens", c.Name)
		}
		if slices.Contains(names, c.Name) {
			v.Add(here+".name", "seen %q twice, want it once", c.Name)
		}
		names = append(names, c.Name)
		v.seconds(here+".interval", c.Interval, 3600)
		v.seconds(here+".timeout", c.Timeout, 1000)
		v.script(here+".script", &c.Script)
	}
	v.script(at+".notify", g.Notify)
}

// virtualRouter checks that a gateway's number is unique on its networks.
func (v *Validation) virtualRouter(at string, i int) {
	g, number := v.spec.Gateways[i], v.spec.VRID(i)
	for j, other := range v.spec.Gateways[:i] {
		if number == v.spec.VRID(j) && slices.ContainsFunc(g.Networks, func(n string) bool { return slices.Contains(other.Networks, n) }) {
			v.Add(at, "seen %d, which gateway %s has on the same network, want another number", number, other.Name)
		}
	}
	if c := v.spec.Cluster; c != nil && c.APIEndpoint != nil && number == EndpointVRID && slices.Contains(g.Networks, c.Network) {
		v.Add(at, "seen %d, which the API's address has on the same network, want another number", EndpointVRID)
	}
}

// script checks that a text is a program for the kernel.
func (v *Validation) script(at string, f *File) {
	if f != nil && !v.Malformed(at) && (len(f.Text) < 3 || f.Text[:2] != "#!") {
		v.Add(at, "seen a text without an interpreter, want a script whose first line is #!/bin/sh")
	}
}

// hundredths checks a duration of whole hundredths of a second.
func (v *Validation) hundredths(at string, d Duration) {
	const unit = 10 * time.Millisecond
	if d.Std() < unit || d.Std() > time.Second || d.Std()%unit != 0 {
		v.Add(at, "seen %s, want a multiple of 10ms from 10ms to 1s", d)
	}
}
