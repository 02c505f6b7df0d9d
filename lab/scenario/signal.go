package scenario

// Signal is a readable property of a lab: {NAME: fields}.
type Signal struct{ Entry }

func (*Signal) from(k Kinds) []Member { return k.Signals }
func (*Signal) noun() string          { return "signal" }

// Judgement is the set of conditions that can judge a signal.
type Judgement int

// The judgements.
const (
	ByContent Judgement = iota // is, has, lacks, matches, min, max, changed
	ByTime                     // longer, shorter
	ByEvent                    // longer, shorter, never
)

// SignalFields are the fields of a signal.
type SignalFields interface {
	Fields
	JudgedBy() Judgement
}

// JudgedBy returns the conditions that can judge the signal. ok is false for a signal with a mistake of form.
func (s Signal) JudgedBy() (by Judgement, ok bool) {
	f, ok := s.Fields.(SignalFields)
	if !ok {
		return ByContent, false
	}
	return f.JudgedBy(), true
}

// flow returns the flow of a signal about a flow.
func (s Signal) flow() (name string, ok bool) {
	of, ok := s.Fields.(interface{ Flow() string })
	if !ok {
		return "", false
	}
	return of.Flow(), true
}

type namedSet struct {
	name string
	set  bool
}

// Verb returns the verb of a step; empty without a verb, or with several verbs.
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
