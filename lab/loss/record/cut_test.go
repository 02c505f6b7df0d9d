package record

import "testing"

func TestCut(t *testing.T) {
	r := &Recording{
		Start:    Start{Flows: []Flow{{Flow: 0}}},
		Attempts: []Attempt{{Seq: 0, Sent: 10}, {Seq: 2, Sent: 30}, {Seq: 1, Sent: 20}, {Seq: 4, Sent: 50}},
		End:      &End{Reason: "done", Flows: []FlowEnd{{Sent: 4, Skipped: 1}}},
	}
	before, after := r.Cut(25)
	if len(before.Attempts) != 2 || *before.FlowEnd(0) != (FlowEnd{Sent: 2}) {
		t.Errorf("before: seen %+v, %+v", before.Attempts, before.End)
	}
	if len(after.Attempts) != 2 || *after.FlowEnd(0) != (FlowEnd{Sent: 2, Skipped: 3}) {
		t.Errorf("after: seen %+v, %+v", after.Attempts, after.End)
	}
	r.End = nil
	if before, after = r.Cut(25); before.End != nil || after.End != nil {
		t.Error("the parts of a recording that was cut off were taken for complete")
	}
}
