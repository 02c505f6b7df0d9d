package fault

import (
	"reflect"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestFaultsOfAScenario(t *testing.T) {
	p := &plan.Plan{Cluster: &plan.Cluster{Nodes: []plan.Node{{Short: "control-plane"}, {Short: "worker"}}}}
	for _, c := range []struct {
		in   scenario.Fault
		want []Fault
	}{
		{scenario.Fault{Kill: "r1"}, []Fault{Kill("r1")}},
		{scenario.Fault{LinkDown: "r1", Network: "edge"}, []Fault{LinkDown("r1", "edge")}},
		{scenario.Fault{Partition: "r1", Peer: "r2"}, []Fault{Partition("r1", "r2")}},
		{scenario.Fault{Drop: "r1", Proto: "bfd", Direction: "in", Peer: "r2", Network: "edge"},
			[]Fault{{Kind: KindDrop, Node: "r1", Proto: ProtoBFD, Direction: DirectionIn, Peer: "r2", Network: "edge"}}},
		{scenario.Fault{Latency: "r1", Delay: scenario.Duration(50 * time.Millisecond)},
			[]Fault{{Kind: KindLatency, Node: "r1", Delay: scenario.Duration(50 * time.Millisecond)}}},
		{scenario.Fault{ScaleToZero: scenario.AllNodes}, []Fault{{Kind: KindScaleToZero, Node: scenario.AllNodes}}}, // a workload of that name
		{scenario.Fault{KillProcess: scenario.AllNodes, Process: "cilium-agent"},
			[]Fault{KillProcess("control-plane", "cilium-agent"), KillProcess("worker", "cilium-agent")}},
	} {
		if got := All(p, c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, wanted %v", c.in, got, c.want)
		}
	}
}
