package scenario

// Signal is something that can be looked at in a lab. Exactly one field is set.
type Signal struct {
	ARP         *ARPSignal     `json:"arp,omitempty"`         // whose MACs answer for an address
	Ping        *PingSignal    `json:"ping,omitempty"`        // how many echo requests are answered
	TTLExceeded *PingSignal    `json:"ttlExceeded,omitempty"` // how many of them come back as undeliverable since they went in a loop
	Connect     *ConnectSignal `json:"connect,omitempty"`     // how many connections are answered, and what became of the others
	Outage      string         `json:"outage,omitempty"`      // for how long what was sent under that name was not answered
	Lost        string         `json:"lost,omitempty"`        // how much of it was lost, in per cent, rounded up
	Sessions    *Speaks        `json:"sessions,omitempty"`    // the states of a router's BGP sessions: Established, Idle …
	PeerASNs    *Speaks        `json:"peerASNs,omitempty"`    // the ASNs that established peers opened with
	RIB         *RouteSignal   `json:"rib,omitempty"`         // the next hops that BGP has for an address
	FIB         *RouteSignal   `json:"fib,omitempty"`         // the next hops that the kernel has for it
	Lease       string         `json:"lease,omitempty"`       // the node that announces a workload's addresses by ARP
	ServiceIPs  string         `json:"serviceIPs,omitempty"`  // namespace/name=address of every LoadBalancer Service of a namespace
	Elapsed     *Elapsed       `json:"elapsed,omitempty"`     // the time between two events of the timeline
	Output      *Exec          `json:"output,omitempty"`      // what a command writes, line by line
}

// The kinds of signal.
const (
	SignalARP         = "arp"
	SignalPing        = "ping"
	SignalTTLExceeded = "ttlExceeded"
	SignalConnect     = "connect"
	SignalOutage      = "outage"
	SignalLost        = "lost"
	SignalSessions    = "sessions"
	SignalPeerASNs    = "peerASNs"
	SignalRIB         = "rib"
	SignalFIB         = "fib"
	SignalLease       = "lease"
	SignalServiceIPs  = "serviceIPs"
	SignalElapsed     = "elapsed"
	SignalOutput      = "output"
)

// ARPSignal asks on a node's own segment who has an address.
type ARPSignal struct {
	From    string `json:"from"` // a client or a router
	Network string `json:"network,omitempty"`
	Address string `json:"address"`
}

// PingSignal sends ICMP echo requests.
type PingSignal struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Count int    `json:"count,omitempty" jsonschema:"minimum=1,maximum=100"` // default 5
}

// ConnectSignal opens connections side by side.
type ConnectSignal struct {
	From  string `json:"from"`                                                // a client, router, node, or pod/WORKLOAD
	To    string `json:"to"`                                                  // as of Send
	Proto string `json:"proto,omitempty" jsonschema:"enum=tcp,enum=http"`     // default tcp
	Count int    `json:"count,omitempty" jsonschema:"minimum=1,maximum=1000"` // default 10
}

// Speaks names a router and, where only one is meant, its peer: a router, a node, or an address.
type Speaks struct {
	Router string `json:"router"`
	Peer   string `json:"peer,omitempty"`
}

// RouteSignal names who routes, and where to.
type RouteSignal struct {
	Node string `json:"node"` // a router; for the FIB, any node
	To   string `json:"to"`   // a prefix or an address; the route of exactly that prefix counts
}

// Elapsed is a time between two events: from the first that matches since the trigger began to the first after that.
type Elapsed struct {
	From *Moment `json:"from,omitempty"` // default: the begin of the trigger
	To   Moment  `json:"to"`
}

// Moment matches an event of the timeline. What is empty asks for nothing.
type Moment struct {
	Lane    string `json:"lane"`
	Subject string `json:"subject,omitempty"` // as skidpad watch shows it: r1, default/echo
	Kind    string `json:"kind,omitempty"`    // announce, endpoint-terminating …
	Text    string `json:"text,omitempty"`    // what the event's text or one of its fields contains
}

// Kind returns which field is set; empty where none is, or several are.
func (s Signal) Kind() string {
	kind := ""
	for _, k := range s.kinds() {
		if k.set && kind != "" {
			return ""
		}
		if k.set {
			kind = k.name
		}
	}
	return kind
}

type namedSet struct {
	name string
	set  bool
}

func (s Signal) kinds() []namedSet {
	return []namedSet{
		{SignalARP, s.ARP != nil}, {SignalPing, s.Ping != nil}, {SignalTTLExceeded, s.TTLExceeded != nil}, {SignalConnect, s.Connect != nil},
		{SignalOutage, s.Outage != ""}, {SignalLost, s.Lost != ""}, {SignalSessions, s.Sessions != nil}, {SignalPeerASNs, s.PeerASNs != nil},
		{SignalRIB, s.RIB != nil}, {SignalFIB, s.FIB != nil}, {SignalLease, s.Lease != ""}, {SignalServiceIPs, s.ServiceIPs != ""},
		{SignalElapsed, s.Elapsed != nil}, {SignalOutput, s.Output != nil},
	}
}

// Timed reports whether the signal is a time, which only longer and shorter can judge.
func (s Signal) Timed() bool { return s.Outage != "" || s.Elapsed != nil }

// Verb returns which of a step's verbs is set; empty where none is, or several are.
func (s BugStep) Verb() string {
	verb := ""
	for _, k := range s.verbs() {
		if k.set && verb != "" {
			return ""
		}
		if k.set {
			verb = k.name
		}
	}
	return verb
}

func (s BugStep) verbs() []namedSet {
	return []namedSet{
		{StepFault, s.Fault != nil}, {StepClear, s.Clear != ""}, {StepApply, s.Apply != ""}, {StepKubectl, s.Kubectl != ""},
		{StepExec, s.Exec != nil}, {StepSend, s.Send != nil}, {StepAwait, s.Await != nil}, {StepHold, s.Hold != 0},
	}
}
