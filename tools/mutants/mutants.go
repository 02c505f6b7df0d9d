package main

// mutants are edits after which skidpad would tell an untruth: a loss that is not counted, a bound that is too long, a check
// that holds without proof, a fault that stays, a problem that status does not name.
var mutants = []mutant{
	{Package: "lab/loss", Func: "Of", Old: "if a.Answered == 0 {", New: "if a.Answered == 0 && a.Error == \"\" {"},
	{Package: "lab/loss", Func: "Of", Old: "if f.Proto == record.UDP {", New: "if f.Proto == record.TCP {"},
	{Package: "lab/loss", Func: "Summary.possible", Old: "a.Answered < a.Sent", New: "a.Answered < a.Sent-1<<40"},
	{Package: "lab/loss", Func: "Summary.possible", Old: "s.Flow.Interval <= 0", New: "s.Flow.Interval < 0"},
	{Package: "lab/loss", Func: "Summary.split", Old: "s.doubt(\"slot %d has two lines\", a.Seq)", New: ""},
	{Package: "lab/loss", Func: "Summary.countAgain", Old: "s.Duplicated++", New: "s.Overdue++"},
	{Package: "lab/loss", Func: "Summary.complete", Old: "case end == nil:", New: "case end == nil && len(sent) == 0:"},
	{Package: "lab/loss", Func: "Summary.complete", Old: "case len(sent) == 0:", New: "case len(sent) == 0 && end.Sent > 0:"},
	{Package: "lab/loss", Func: "Summary.complete", Old: "end.Sent != len(sent) ||", New: ""},
	{Package: "lab/loss", Func: "Summary.steady", Old: "if !o.StallsAreJudged {", New: "if false {"},
	{Package: "lab/loss", Func: "Summary.steady", Old: "s.Stalled += stall.Length()", New: ""},
	{Package: "lab/loss", Func: "outages", Old: "sent[end].Answered == 0", New: "sent[end].Answered == 0 && end == i"},
	{Package: "lab/loss", Func: "outage", Old: "o.End = sent[to].Sent\n\t\tlate = ", New: "late = "},
	{Package: "lab/loss", Func: "outage", Old: "o.Uncertainty = max(early, late)", New: "o.Uncertainty = min(early, late)"},
	{Package: "lab/loss", Func: "stalled", Old: "2*f.Interval", New: "200*f.Interval"},
	{Package: "lab/loss/record", Func: "Read", Old: "if !started {", New: "if false {"},
	{Package: "lab/loss/record", Func: "Recording.add", Old: "case r.End != nil:", New: "case false:"},

	{Package: "lab/bound", Func: "HoldTime", Old: "Max: hold,", New: "Max: 2 * hold,"},
	{Package: "lab/bound", Func: "BFD", Old: "max(localMinRx, remoteMinTx)", New: "min(localMinRx, remoteMinTx)"},
	{Package: "lab/bound", Func: "GracefulRestart", Old: "max(0, back-restart),\n", New: "back,\n"},
	{Package: "lab/bound", Func: "Worst", Old: "b.Max > worst.Max", New: "b.Max < worst.Max"},
	{Package: "lab/bound", Func: "VRRP.skew", Old: "256-v.Priority", New: "v.Priority"},
	{Package: "lab/bound", Func: "VRRP.down", Old: "3*v.Advert", New: "4*v.Advert"},
	{Package: "lab/bound", Func: "Lease.Lost", Old: "l.Duration+2*pause", New: "l.Duration+pause"},

	{Package: "lab/probe", Func: "Ports.Of", Old: "proto == record.UDP", New: "proto == record.TCP"},
	{Package: "lab/probe", Func: "Endpoints.Resolve", Old: "|| a.Of == ref.Node", New: "|| true"},
	{Package: "lab/probe", Func: "Endpoints.Resolve", Old: "if len(found) == 0 {", New: "if false {"},
	{Package: "lab/probe", Func: "result", Old: "if len(s.Unknown) == 0 {", New: "if true {"},
	{Package: "lab/probe", Func: "result", Old: "Overdue: s.Overdue,", New: ""},
	{Package: "lab/probe", Func: "ParseRef", Old: "if at.Port() == 0 {", New: "if false {"},
	{Package: "lab/probe", Func: "execute", Old: "if readErr != nil && err == nil {", New: "if false {"},

	{Package: "lab/check", Func: "Result.outcome", Old: "if held {", New: "if true {"},
	{Package: "lab/check", Func: "interrupted", Old: "= Unknown", New: "= Failed"},
	{Package: "lab/check", Func: "cannotLook", Old: "= Unknown", New: "= Held"},
	{Package: "lab/check", Func: "limit", Old: "b.Max + tolerance.Std()", New: "b.Max + 10*tolerance.Std()"},
	{Package: "lab/check", Func: "promises", Old: "if r.Verdict != Held && r.Verdict != Skipped {", New: "if r.Verdict == Unknown {"},
	{Package: "lab/check", Func: "measurement.doubt", Old: "r.Measured.Outage < m.minOutage", New: "false"},
	{Package: "lab/check", Func: "Result.take", Old: "r.Verdict == Held && verdict != Held", New: "false"},

	{Package: "lab/fault", Func: "store.others", Old: "|| r.ID == id", New: "",
		Survives: "putBack marks the fault itself as clearing and leaves out all that are being cleared; flapping links run in live labs only"},
	{Package: "lab/fault", Func: "store.read", Old: "strings.ContainsAny(id, \"./\")", New: "false"},
	{Package: "lab/fault", Func: "journal.next", Old: "j.offset += int64(len(whole))", New: ""},
	{Package: "lab/fault", Func: "journal.next", Old: "e.PID !=", New: "true || e.PID !="},

	{Package: "lab/live", Func: "wrongSessions", Old: "if up < planned {", New: "if up < planned-1 {"},
	{Package: "lab/live", Func: "wrongSessions", Old: "case r.Plans(s.Peer):", New: "default:"},
	{Package: "lab/live", Func: "wrongSessions", Old: "s.State != bgp.Established", New: "s.State == bgp.Idle"},
}
