package scenario

import (
	"fmt"
	"slices"
	"time"
)

// mostAttempts bounds what the flows of one check send together, a second: the prober shares its processors with
// the lab.
const mostAttempts = 8000

// Senders are the nodes that a flow can come from.
func (v *Validation) Senders() []string {
	var known []string
	for _, c := range v.spec.Clients {
		known = append(known, c.Name)
	}
	return append(append(known, v.routerNames()...), v.spec.NodeNames()...)
}

// Probe checks the flow of a check.
func (v *Validation) Probe(path string, p *Probe) {
	v.origin(path+".from", p.From)
	if p.To == TargetClient {
		v.Answering(path+".workload", p.Workload)
	} else if e := v.Workload(path+".workload", p.Workload); e != nil && p.To != "" {
		v.hasAddress(path+".to", p.To, e)
	}
	switch every := p.Every.Std(); {
	case every < time.Millisecond || every > time.Second:
		v.Add(path+".every", "seen %s, want 1ms to 1s", p.Every)
	case time.Duration(p.Flows)*time.Second/every > mostAttempts:
		v.Add(path+".flows", "seen %d flows with an attempt every %s each, want at most %d attempts a second in all", p.Flows, p.Every, mostAttempts)
	}
}

// Answering checks that a client of that name answers probes.
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

// Tolerance checks that the check says how long an outage it accepts, and whether from the bound or on its own.
func (v *Validation) Tolerance(path string, maxOutage, tolerance Duration) {
	switch {
	case v.form.has(path+".maxOutage") || v.form.has(path+".tolerance"):
	case maxOutage == 0 && tolerance == 0:
		v.Add(path, "seen neither maxOutage nor tolerance, want one of them: how long an outage is accepted, or how much more than the computed bound")
	case maxOutage != 0 && tolerance != 0:
		v.Add(path, "seen both maxOutage and tolerance, want one of them")
	}
}

func (v *Validation) failover(path string, f *Failover) {
	v.Fault(path+".fault", f.Fault)
	v.Probe(path+".probe", &f.Probe)
	v.Tolerance(path, f.MaxOutage, f.Tolerance)
	if f.MinOutage > 0 && f.MaxOutage > 0 && f.MinOutage >= f.MaxOutage {
		v.Add(path+".minOutage", "seen %s, want less than maxOutage, which is %s", f.MinOutage, f.MaxOutage)
	}
	if f.GracefulRestart != nil {
		v.gracefulRestart(path + ".gracefulRestart")
	}
	kind, known := f.Fault.About()
	switch clears := f.Measure == MeasureClear && known; {
	case clears && !kind.Lasts:
		v.Add(path+".measure", "seen clear, want inject: a %s has no end that could be chosen", kind.Kind)
	case clears && kind.Kind == "killProcess":
		v.Add(path+".measure", "seen clear, want inject: a killed process is started again by what watches it")
	case clears && f.Fault.For != 0:
		v.Add(path+".measure", "seen clear with a fault that ends by itself after %s, want no for: the check ends the fault", f.Fault.For)
	}
}

// gracefulRestart checks that graceful restart can be set in the running lab at both ends of the nodes' sessions, and that the
// routers report what their sessions with nodes have negotiated.
func (v *Validation) gracefulRestart(path string) {
	v.sessions(path)
	for i, r := range v.spec.Routers {
		if r.Software != FRR && r.BGP != nil && slices.ContainsFunc(r.BGP.Peers, func(p Peer) bool { return p.Nodes != "" }) {
			v.NotYet(path, fmt.Sprintf("a check that sets graceful restart with nodes that peer with %s (spec.routers[%d], %s)", r.Name, i, r.Software), FRR)
		}
	}
	if n := v.spec.NodeSpeaker(); n != nil && n.GracefulRestart == nil {
		v.NotYet(path, fmt.Sprintf("a check that sets graceful restart on nodes that speak BGP by %s (%s)", n.Addon, n.Path), "cilium or bird")
	}
}

func (v *Validation) withdrawal(path string, w *Withdrawal) {
	v.Fault(path+".fault", w.Fault)
	if verb, _ := w.Fault.Verb(); verb != "" && verb != "drain" {
		v.Add(path+".fault", "seen %s, want drain: it says which node loses its endpoints", verb)
	}
	v.Probe(path+".probe", &w.Probe)
	v.Tolerance(path, w.MaxOutage, w.Tolerance)
	v.sessions(path)
	if e := v.spec.Echo(w.Probe.Workload); e != nil && e.Service.ExternalTrafficPolicy != "Local" {
		v.Add(path+".probe.workload", "seen %s with externalTrafficPolicy %s, want Local: else nodes without endpoints announce it, too", e.Name, e.Service.ExternalTrafficPolicy)
	}
	if t := w.Probe.To; t != "" && t != TargetLoadBalancer && t != TargetExternalIP {
		v.Add(path+".probe.to", "seen %s, want loadBalancer or externalIP", t)
	}
}

func (v *Validation) lease(path string, l *Lease) {
	v.Probe(path+".probe", &l.Probe)
	v.Tolerance(path, l.MaxOutage, l.Tolerance)
	if !v.spec.AnnouncesByARP() {
		v.Add(path, "seen a check of leases, want cilium or metallb with l2 among the addons")
	}
	if t := l.Probe.To; t != "" && t != TargetLoadBalancer && t != TargetExternalIP {
		v.Add(path+".probe.to", "seen %s, want loadBalancer or externalIP: those are announced by ARP", t)
	}
	if v.spec.Cluster != nil && v.spec.Cluster.Workers != nil && *v.spec.Cluster.Workers < 1 && v.spec.Cluster.ControlPlanes < 2 {
		v.Add(path, "seen a check of leases without workers, want one or more: killing the control plane's node kills the leases' own server")
	}
}

func (v *Validation) held(path string, h *Held) {
	v.Probe(path+".probe", &h.Probe)
}

// Guards are the containers that guard gateways: r1-gw.
func (v *Validation) Guards() []string {
	var all []string
	for _, g := range v.spec.Gateways {
		for _, m := range g.Members {
			all = append(all, fmt.Sprintf("%s-%s", m, g.Name))
		}
	}
	return all
}
