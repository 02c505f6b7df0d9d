package scenario

import "time"

// Bug is the report of a bug, and how to tell whether it is there: two halves of one scenario that should differ, what
// to do to them, and what to look at then.
type Bug struct {
	Title string `json:"title"`
	Link  string `json:"link" jsonschema:"example=https://github.com/cilium/cilium/issues/40358"`
	// Component is what has the bug. Where it is an addon's name or a router's software, a half's version is that one's.
	Component string `json:"component" jsonschema:"example=cilium"`
	Affected  string `json:"affected"`          // which versions, in the report's words
	FixedIn   string `json:"fixedIn,omitempty"` // which release has the fix, in words; unset, nobody knows of one
	Broken    Half   `json:"broken"`            // what should fail
	// Fixed is what should hold: a release with the fix or, where there is none to be had, what avoids the bug. Unset, a
	// broken half that fails is called still broken.
	Fixed *Half `json:"fixed,omitempty"`
	// Setup prepares a half. Where it fails, nothing is known of the bug.
	Setup   []BugStep     `json:"setup,omitempty"`
	Trigger []BugStep     `json:"trigger"`
	Observe []Observation `json:"observe"`
}

// The names of a bug's halves, and of what else its trigger can be put to.
const (
	HalfBroken  = "broken"
	HalfFixed   = "fixed"
	HalfPatched = "patched" // the broken half's scenario with somebody's own source
	HalfTried   = "tried"   // and with any other version
)

// Half is one side of the comparison: the scenario with something set.
type Half struct {
	What    string `json:"what"`                                          // in a few words: Cilium 1.18.1; masquerading on
	Version string `json:"version,omitempty" jsonschema:"example=1.18.1"` // of the component
	// Set puts values into the scenario's spec, by path: routers[0].bgp.gracefulRestart.
	Set map[string]any `json:"set,omitempty"`
}

// BugStep is one thing that is done to a half. Exactly one of its verbs is set.
type BugStep struct {
	// Only keeps the step to one half; what avoids a bug is done to the fixed one only.
	Only string `json:"only,omitempty" jsonschema:"enum=broken,enum=fixed"`

	Fault   *Fault   `json:"fault,omitempty"`
	Clear   string   `json:"clear,omitempty"`   // undoes the fault of that name
	Apply   string   `json:"apply,omitempty"`   // Kubernetes manifests
	Kubectl string   `json:"kubectl,omitempty"` // a command line after kubectl, run on the control plane's node
	Exec    *Exec    `json:"exec,omitempty"`
	Send    *Send    `json:"send,omitempty"`
	Await   *Await   `json:"await,omitempty"`
	Hold    Duration `json:"hold,omitempty"` // lets time pass in which something could happen

	As  string   `json:"as,omitempty"`  // names a fault or what is sent
	For Duration `json:"for,omitempty"` // of a fault: it is undone after so long, and the next step comes then
}

// The verbs of a step.
const (
	StepFault   = "fault"
	StepClear   = "clear"
	StepApply   = "apply"
	StepKubectl = "kubectl"
	StepExec    = "exec"
	StepSend    = "send"
	StepAwait   = "await"
	StepHold    = "hold"
)

// Exec runs a shell's command line in a node, client, router or, as pod/WORKLOAD, in the network of a pod.
type Exec struct {
	Node string `json:"node"`
	Run  string `json:"run"`
}

// Send begins a flow of packets, which ends when all was observed.
type Send struct {
	From string `json:"from"`
	// To is a target: loadBalancer/W, clusterIP/W, externalIP/W, pod/W, nodePort/W@NODE of workload W, or ADDRESS:PORT.
	To    string   `json:"to"`
	Proto string   `json:"proto,omitempty" jsonschema:"enum=udp,enum=tcp,enum=http"` // default udp
	Every Duration `json:"every,omitempty"`                                          // from 1 ms to 1 s; default 10 ms
	Flows int      `json:"flows,omitempty" jsonschema:"minimum=1,maximum=32"`        // side by side; default 1
}

// Await waits until a signal is as it should be. In setup and trigger, that it does not come is no verdict: it is unknown.
type Await struct {
	Signal Signal    `json:"signal"`
	Right  Condition `json:"right"`
	Within Duration  `json:"within,omitempty"` // default 60 s
}

// Observation is what tells whether the bug is there.
type Observation struct {
	Name   string    `json:"name"`
	Signal Signal    `json:"signal"`
	Right  Condition `json:"right"`
	// Wrong is how the bug shows. Unset, it is whatever is not right; set, what is neither is unknown.
	Wrong *Condition `json:"wrong,omitempty"`
	// Within is how long right may be waited for; unset, one look counts. An absence (max, lacks, is: [], changed: false,
	// never) counts from 3 s after the trigger's last act on; as before and never, at the end of within.
	Within Duration `json:"within,omitempty"`
	// During is how long right must go on; the first look that is not right counts.
	During Duration `json:"during,omitempty"`
	// Control marks what must be right for the rest to prove anything: where it is not, the half is unknown.
	Control bool `json:"control,omitempty"`
}

// Condition says what a signal must be like. All that is set must hold.
type Condition struct {
	Is      []string `json:"is,omitempty"`      // these and nothing else, in any order
	Has     string   `json:"has,omitempty"`     // one of them contains this text
	Lacks   string   `json:"lacks,omitempty"`   // none of them does
	Min     *int     `json:"min,omitempty"`     // of a number, or of how many there are
	Max     *int     `json:"max,omitempty"`     // likewise
	Longer  Duration `json:"longer,omitempty"`  // than so; without an end it is waited for until so long has passed
	Shorter Duration `json:"shorter,omitempty"` // than so; likewise
	Never   *bool    `json:"never,omitempty"`   // of elapsed: the event has not come by now
	Changed *bool    `json:"changed,omitempty"` // since before the trigger
}

// What a bug means where it says nothing.
const (
	DefaultAwait = Duration(60 * time.Second)
)

func (b *Bug) setDefaults(spec *Spec) {
	for _, steps := range [][]BugStep{b.Setup, b.Trigger} {
		for _, s := range steps {
			if s.Fault != nil {
				s.Fault.SetDefaults(spec)
			}
			if s.Send != nil {
				Or(&s.Send.Proto, DefaultProto)
				Or(&s.Send.Every, Duration(10*time.Millisecond))
				Or(&s.Send.Flows, 1)
			}
			if s.Await != nil {
				Or(&s.Await.Within, DefaultAwait)
				s.Await.Signal.setDefaults(spec)
			}
		}
	}
	for _, o := range b.Observe {
		o.Signal.setDefaults(spec)
	}
}
