package scenario

import (
	"fmt"
	"slices"
	"time"
)

// mostAttempts bounds the attempts a second of all flows of a check together. The prober shares its processors with the lab.
const mostAttempts = 8000

// Senders lists the nodes that can send a flow.
func (v *Validation) Senders() []string {
	var known []string
	for _, c := range v.spec.Hosts() {
		known = append(known, c.Name)
	}
	return append(append(known, v.routerNames()...), v.spec.NodeNames()...)
}

// Probe checks the flow of a check.
func (v *Validation) Probe(path string, p *Probe) {
	v.Origin(path+".from", p.From)
	if p.To == TargetClient {
		v.Answering(path+".workload", p.Workload)
	} else if e := v.Workload(path+".workload", p.Workload); e != nil && p.To != "" {
		v.HasAddress(path+".to", p.To, e)
	}
	v.probeGateway(path, p)
	switch every := p.Every.Std(); {
	case every < time.Millisecond || every > time.Second:
		v.Add(path+".every", "seen %s, want 1ms to 1s", p.Every)
	case time.Duration(p.Flows)*time.Second/every > mostAttempts:
		v.Add(path+".flows", "seen %d flows with an attempt every %s each, want at most %d attempts a second in all", p.Flows, p.Every, mostAttempts)
	}
}

// probeGateway checks that the flow's gateway is on nodes, and that the flow asks a node port.
func (v *Validation) probeGateway(path string, p *Probe) {
	if p.Gateway == "" {
		return
	}
	var known []string
	for _, g := range v.spec.Gateways {
		if g.OnNodes(v.spec) {
			known = append(known, g.Name)
		}
	}
	if !slices.Contains(known, p.Gateway) {
		v.Unknown(path+".gateway", p.Gateway, "gateway on cluster nodes", known)
	}
	if p.To != TargetNodePort {
		v.Add(path+".gateway", "seen it with to: %s, want to: %s, which every node answers at all its addresses", p.To, TargetNodePort)
	}
}

// Answering checks that a client of this name answers probes.
func (v *Validation) Answering(path, name string) {
	var known []string
	for _, c := range v.spec.Clients {
		if c.Echo {
			known = append(known, c.Name)
		}
	}
	if !slices.Contains(known, name) {
		v.Unknown(path, name, "client with echo", known)
	}
}

// Tolerance checks that the check has exactly one limit for the outage: an absolute limit, or a tolerance beyond the computed
// bound.
func (v *Validation) Tolerance(path string, maxOutage, tolerance Duration) {
	switch {
	case v.form.has(path+".maxOutage") || v.form.has(path+".tolerance"):
	case maxOutage == 0 && tolerance == 0:
		v.Add(path, "seen neither maxOutage nor tolerance, want one of them: how long an outage is accepted, or how much more than the computed bound")
	case maxOutage != 0 && tolerance != 0:
		v.Add(path, "seen both maxOutage and tolerance, want one of them")
	}
}

// Guards lists the containers that guard gateways: r1-gw.
func (v *Validation) Guards() []string {
	var all []string
	for _, g := range v.spec.Gateways {
		for _, m := range g.Members {
			all = append(all, fmt.Sprintf("%s-%s", m, g.Name))
		}
	}
	return all
}
