package fault

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestUnmarshal(t *testing.T) {
	ms := func(n int) scenario.Duration { return scenario.Duration(time.Duration(n) * time.Millisecond) }
	tests := []struct {
		in   string
		want Fault
	}{
		{`{"kill": "r1"}`, Kill("r1")},
		{`{"linkDown": "r1", "network": "fabric"}`, LinkDown("r1", "fabric")},
		{`{"killProcess": "r1", "process": "bgpd"}`, KillProcess("r1", "bgpd")},
		{`{"partition": "r1", "peer": "r2", "direction": "out", "for": "5s"}`, Fault{Kind: KindPartition, Node: "r1", Peer: "r2", Direction: "out", For: ms(5000)}},
		{`{"drop": "r1", "proto": "bfd"}`, Fault{Kind: KindDrop, Node: "r1", Proto: ProtoBFD}},
		{`{"loss": "client", "percent": 12.5}`, Fault{Kind: KindLoss, Node: "client", Percent: 12.5}},
		{`{"latency": "r1", "delay": "50ms", "jitter": "5ms"}`, Fault{Kind: KindLatency, Node: "r1", Delay: ms(50), Jitter: ms(5)}},
		{`{"rateLimit": "r1", "rate": "10mbit", "network": "edge"}`, Fault{Kind: KindRateLimit, Node: "r1", Rate: "10mbit", Network: "edge"}},
		{`{"flap": "r1", "network": "edge", "interval": "200ms", "for": "2s"}`, Fault{Kind: KindFlap, Node: "r1", Network: "edge", Interval: ms(200), For: ms(2000)}},
		{`{"deleteLease": "kube-system/cilium-l2announce-default-echo"}`, Fault{Kind: KindDeleteLease, Node: "kube-system/cilium-l2announce-default-echo"}},
	}
	for _, tt := range tests {
		var got Fault
		if err := json.Unmarshal([]byte(tt.in), &got); err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v", tt.in, got, err)
			continue
		}
		b, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again Fault
		if err := json.Unmarshal(b, &again); err != nil || again != got {
			t.Errorf("%s is marshalled as %s, which is read as %+v, %v", tt.in, b, again, err)
		}
	}
}

func TestUnmarshalTellsEveryMistake(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{`"r1"`, []string{"want a mapping"}},
		{`{}`, []string{"seen 0 kinds"}},
		{`{"kill": "r1", "stop": "r2"}`, []string{"seen 2 kinds of fault (kill, stop)"}},
		{`{"kill": 7, "colour": "red", "for": "soon"}`, []string{"kill: seen 7, want a name", "colour: seen an unknown field", "for: seen \"soon\""}},
		{`{"restart": "r1", "for": "5s", "peer": "r2"}`, []string{"peer: seen r2, which restart does not take", "for: seen 5s, but restart is over at once"}},
		{`{"drop": "r1", "proto": "ospf", "direction": "up"}`, []string{`proto: seen "ospf"`, `direction: seen "up"`}},
		{`{"loss": "r1", "percent": 101}`, []string{"percent: seen 101"}},
		{`{"flap": "r1"}`, []string{"interval: seen nothing"}},
		{`{"rateLimit": "r1", "rate": "fast"}`, []string{`rate: seen "fast"`}},
		{`{"kind": "melt", "node": "r1"}`, []string{`"melt"`}},
	}
	for _, tt := range tests {
		var f Fault
		err := json.Unmarshal([]byte(tt.in), &f)
		var invalid *Invalid
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %+v, %v", tt.in, f, err)
			continue
		}
		if len(invalid.Problems) != len(tt.want) {
			t.Errorf("%s: %d problems, want %d: %v", tt.in, len(invalid.Problems), len(tt.want), err)
		}
		for _, w := range tt.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v; want in it: %s", tt.in, err, w)
			}
		}
	}
}

func examplePlan() *plan.Plan {
	addr := netip.MustParseAddr
	return &plan.Plan{
		Lab:      "lab1",
		Networks: []plan.Network{{Name: "fabric", Docker: "skidpad-lab1-fabric", Subnet: netip.MustParsePrefix("192.0.2.0/25")}, {Name: "edge", Docker: "skidpad-lab1-edge", Subnet: netip.MustParsePrefix("192.0.2.128/25")}},
		Cluster:  &plan.Cluster{Network: "fabric", Nodes: []plan.Node{{Name: "skidpad-lab1-control-plane", Short: "control-plane", ControlPlane: true}, {Name: "skidpad-lab1-worker", Short: "worker"}}},
		Routers: []plan.Router{
			{Name: "r1", Container: "skidpad-lab1-r1", Software: "frr", Networks: []plan.Attachment{{Network: "fabric"}, {Network: "edge"}},
				BGP: &plan.Speaker{ASN: 64513, Neighbors: []plan.Neighbor{{Name: "r2", Address: addr("192.0.2.12")}}, Ranges: []plan.Range{{Name: "nodes"}}}},
			{Name: "r2", Container: "skidpad-lab1-r2", Software: "frr", Networks: []plan.Attachment{{Network: "fabric"}, {Network: "edge"}}},
		},
		Gateways:  []plan.Gateway{{Name: "gw", Addresses: []plan.Attachment{{Network: "edge", Address: addr("192.0.2.254")}}, Members: []plan.GatewayGuard{{Router: "r1", Container: "skidpad-lab1-r1-gw"}}}},
		Clients:   []plan.Client{{Name: "client", Container: "skidpad-lab1-client", Network: plan.Attachment{Network: "edge"}}},
		Workloads: []plan.Workload{{Name: "echo", Namespace: "default"}},
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		f    Fault
		want string // empty: it is right
	}{
		{Kill("r1"), ""},
		{Kill("r1-gw"), ""},
		{Kill("skidpad-lab1-worker"), ""},
		{Kill("r3"), "want one of: control-plane, worker, r1, r1-gw, r2, client"},
		{LinkDown("worker", ""), ""},
		{LinkDown("r1", ""), "network: seen nothing, want one of: fabric, edge"},
		{LinkDown("client", "fabric"), `network: seen "fabric", want one that client is on: edge`},
		{Partition("r1", "client"), ""},
		{Partition("worker", "client"), "shares no such network"},
		{Partition("r1", "r1-gw"), "shares the network namespace"},
		{Fault{Kind: KindCordon, Node: "r1"}, "want a cluster node: control-plane, worker"},
		{Fault{Kind: KindBGPShut, Node: "worker"}, "want a router: r1, r2"},
		{Fault{Kind: KindBGPShut, Node: "r1", Peer: "nodes"}, ""},
		{Fault{Kind: KindBGPShut, Node: "r1", Peer: "worker"}, "cannot shut it alone"},
		{Fault{Kind: KindBGPClear, Node: "r1", Peer: "worker"}, ""},
		{Fault{Kind: KindBGPClear, Node: "r1", Peer: "moon"}, `peer: seen "moon"`},
		{Fault{Kind: KindWrongNeighbor, Node: "client", Peer: "gw"}, ""},
		{Fault{Kind: KindWrongNeighbor, Node: "client", Peer: "moon"}, "want an address, a gateway or one of"},
		{Fault{Kind: KindScaleToZero, Node: "echo"}, ""},
		{Fault{Kind: KindScaleToZero, Node: "web"}, `seen workload "web"`},
		{Fault{Kind: KindDeleteLease, Node: "x"}, ""},
	}
	for _, tt := range tests {
		err := tt.f.Validate(examplePlan())
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v; want %q", tt.f, err, tt.want)
		}
	}
}

func TestEveryKindIsMade(t *testing.T) {
	in := New(nil, examplePlan(), t.TempDir(), nil, nil)
	for _, a := range Kinds() {
		act, err := in.action(&record{ID: "00aa11", Fault: Fault{ID: "00aa11", Kind: a.Kind, Node: "r1", Network: "fabric", Peer: "r2", Process: "bgpd"}})
		if err != nil || act.hold() == "" {
			t.Errorf("%s: %v", a.Kind, err)
		}
		if k, err := ParseKind(strings.ToUpper(string(a.Kind))); err != nil || k != a.Kind {
			t.Errorf("%s in capitals is read as %s, %v", a.Kind, k, err)
		}
	}
	if k, err := ParseKind("link-down"); err != nil || k != KindLinkDown {
		t.Errorf("link-down is %s, %v", k, err)
	}
}

func TestFilterLayers(t *testing.T) {
	in := New(nil, examplePlan(), t.TempDir(), nil, nil)
	at, _ := find(in.plan, "r1")
	f := &filter{in: in, at: at, f: Fault{Kind: KindDrop, Node: "r1", Proto: ProtoBGP, Direction: DirectionIn, Network: "fabric"}}
	got, err := f.layers(t.Context())
	want := []layer{{at, []drop{{device: "fabric", match: match{l4: protoTCP, dport: 179}}, {device: "fabric", match: match{l4: protoTCP, sport: 179}}}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	f.f.Direction, f.f.Network, f.f.Proto = "", "", ProtoARP
	if got, err = f.layers(t.Context()); err != nil || len(got[0].drops) != 4 {
		t.Errorf("both ways on both networks: got %+v, %v", got, err)
	}
}

func TestParseRate(t *testing.T) {
	for in, want := range map[string]uint64{"10mbit": 1_250_000, "500kbit": 62_500, "1gbit": 125_000_000, "8000bit": 1000, "1.5MBIT": 187_500} {
		if got, err := scenario.ParseRate(in); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "10", "mbit", "-1mbit", "1bit", "100gbit"} {
		if got, err := scenario.ParseRate(in); err == nil {
			t.Errorf("%q is read as %d", in, got)
		}
	}
}

func TestProcesses(t *testing.T) {
	all, err := descendants(os.Getpid())
	if err != nil || len(all) == 0 || all[0] != os.Getpid() {
		t.Fatalf("%v, %v", all, err)
	}
	if !names(os.Getpid(), "fault.test") {
		t.Error("this process is not found by its name")
	}
	if names(os.Getpid(), "bgpd") {
		t.Error("this process is taken for bgpd")
	}
}
