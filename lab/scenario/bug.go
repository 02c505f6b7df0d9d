package scenario

import "time"

// Bug is the report of a bug, with a test for the bug: two halves of one scenario that should differ, the steps for each half,
// and the observations after the steps.
type Bug struct {
	Title string `json:"title"`
	Link  string `json:"link" jsonschema:"example=https://github.com/cilium/cilium/issues/40358"`
	// Component is the program with the bug. If Component is the name of an addon or of a router software, the version of a
	// half is the version of this addon or software.
	Component string `json:"component" jsonschema:"example=cilium"`
	Affected  string `json:"affected"`          // the affected versions, in the report's words
	FixedIn   string `json:"fixedIn,omitempty"` // the release with the fix, in words; unset, no release with the fix is known
	Broken    Half   `json:"broken"`            // the half that should fail
	// Fixed is the half that should hold: a release with the fix or, without such a release, a way around the bug. Unset, the
	// verdict on a broken half that fails is "still broken".
	Fixed *Half `json:"fixed,omitempty"`
	// Setup prepares a half. If the setup fails, the outcome of the half is unknown.
	Setup   []BugStep `json:"setup,omitempty"`
	Trigger []BugStep `json:"trigger"`
	// Repeat runs the trigger several times in one bring-up, for a bug that shows by chance. Unset, the trigger runs once.
	Repeat  *Repeat       `json:"repeat,omitempty"`
	Observe []Observation `json:"observe"`
}

// Repeat runs a trigger several times. After each try, faults and flows of the trigger end, and those of the setup stay. The
// report has the number of tries.
type Repeat struct {
	Times int `json:"times" jsonschema:"minimum=2,maximum=1000"` // the most tries
	// Observe: "each" – observations follow every try, and the first try that is not right is the half's result; "last" – the
	// trigger runs Times times, and observations follow the last try. Default: each.
	Observe string `json:"observe,omitempty" jsonschema:"enum=each,enum=last"`
}

// Last reports whether observations follow the last try only.
func (r *Repeat) Last() bool { return r != nil && r.Observe == "last" }

// The names of a bug's halves, and of further scenarios that can run the bug's trigger.
const (
	HalfBroken  = "broken"
	HalfFixed   = "fixed"
	HalfPatched = "patched" // the broken half's scenario with a component built from the user's own source
	HalfTried   = "tried"   // the broken half's scenario with any other version
)

// Half is one side of the comparison: the scenario with some values set.
type Half struct {
	What    string `json:"what"`                                          // in a few words: Cilium 1.18.1; masquerading on
	Version string `json:"version,omitempty" jsonschema:"example=1.18.1"` // of the component
	// Set puts values into the scenario's spec, by path: routers[0].bgp.gracefulRestart.
	Set map[string]any `json:"set,omitempty"`
}

// BugStep is one action on a half. Exactly one verb is set.
type BugStep struct {
	// Only limits the step to one half. A step that avoids the bug is for the fixed half only.
	Only string `json:"only,omitempty" jsonschema:"enum=broken,enum=fixed"`

	Fault   *Fault   `json:"fault,omitempty"`
	Clear   string   `json:"clear,omitempty"`   // ends the fault with this name
	Apply   string   `json:"apply,omitempty"`   // Kubernetes manifests
	Kubectl string   `json:"kubectl,omitempty"` // a command line after kubectl, run on the control plane's node
	Exec    *Exec    `json:"exec,omitempty"`
	Send    *Send    `json:"send,omitempty"`
	Await   *Await   `json:"await,omitempty"`
	Hold    Duration `json:"hold,omitempty"` // waits for this long, because an event could come

	As  string   `json:"as,omitempty"`  // the name of the fault or of the flow
	For Duration `json:"for,omitempty"` // of a fault: the fault ends after this time, and then the next step begins
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

// Send begins a flow of packets. The flow ends when all observations are complete.
type Send struct {
	From string `json:"from"`
	// To is a target: loadBalancer/W, clusterIP/W, externalIP/W, pod/W, nodePort/W@NODE of workload W, or ADDRESS:PORT.
	To    string   `json:"to"`
	Proto string   `json:"proto,omitempty" jsonschema:"enum=udp,enum=tcp,enum=http"` // default udp
	Every Duration `json:"every,omitempty"`                                          // from 1 ms to 1 s; default 10 ms
	Flows int      `json:"flows,omitempty" jsonschema:"minimum=1,maximum=32"`        // side by side; default 1
}

// Await waits until the signal is right. In setup and trigger, a signal that does not become right makes the verdict unknown.
type Await struct {
	Signal Signal    `json:"signal"`
	Right  Condition `json:"right"`
	Within Duration  `json:"within,omitempty"` // default 60 s
}

// Observation shows whether the bug is there.
type Observation struct {
	Name   string    `json:"name"`
	Signal Signal    `json:"signal"`
	Right  Condition `json:"right"`
	// Wrong is the condition of the signal with the bug. Unset, every signal that is not right is wrong. Set, a signal that is
	// neither right nor wrong is unknown.
	Wrong *Condition `json:"wrong,omitempty"`
	// Within is how long to wait for right; unset, one look counts. An absence (max, lacks, is: []) counts no earlier than 3 s
	// after the last act of the trigger. changed: false and never: true count at the end of within, and also no earlier than
	// these 3 s.
	Within Duration `json:"within,omitempty"`
	// During is how long right must go on. The first look that is not right decides.
	During Duration `json:"during,omitempty"`
	// Control marks a precondition of the other observations. If a control is not right, the half is unknown.
	Control bool `json:"control,omitempty"`
}

// Condition describes the right or wrong state of a signal. All fields that are set must hold.
type Condition struct {
	Is    []string `json:"is,omitempty"`    // exactly these texts, in any order
	Has   string   `json:"has,omitempty"`   // at least one text contains this text
	Lacks string   `json:"lacks,omitempty"` // no text contains this text
	// Matches is a regular expression of Go (RE2) for a part of at least one text: \bvalid\b is not in "invalid".
	Matches string   `json:"matches,omitempty"`
	Min     *int     `json:"min,omitempty"`     // the least number, or the least count of texts
	Max     *int     `json:"max,omitempty"`     // the largest number, or the largest count of texts
	Longer  Duration `json:"longer,omitempty"`  // the measured time is longer; without an end, the verdict comes after this time
	Shorter Duration `json:"shorter,omitempty"` // the measured time is shorter; without an end, the verdict comes after this time
	Never   *bool    `json:"never,omitempty"`   // of the signal elapsed: the event has not come yet
	Changed *bool    `json:"changed,omitempty"` // whether the signal differs from the signal before the trigger
}

// The defaults of a bug.
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
