package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

const exampleText = `
apiVersion: skidpad.dev/v1alpha1
kind: Scenario
metadata: {name: example}
spec:
  networks: [{name: fabric}, {name: edge}, {name: lag, pointToPoint: true, bond: {mode: active-backup, links: 2}}]
  cluster: {workers: 1}
  routers:
    - {name: r1, networks: [fabric, edge], bgp: {asn: 64513, peers: [{nodes: all}]}}
    - {name: r2, networks: [fabric, edge, lag]}
    - {name: r3, networks: [lag]}
  gateways: [{name: gw, members: [r1], networks: [edge]}]
  clients: [{name: client, network: edge, gateway: gw}]
  addons: [{cilium: {bgp: {asn: 64512, peers: [r1]}}}]
  workloads: [{echo: {}}]
`

func examplePlan() *plan.Plan {
	s, err := scenario.Parse("example.yaml", []byte(exampleText), kinds)
	if err != nil {
		panic(err)
	}
	p, err := plan.Make(s, "lab1", plan.Host{})
	if err != nil {
		panic(err)
	}
	return p
}

const ms = scenario.Duration(time.Millisecond)

var last = Lasting{For: 2000 * ms}

// examples has each member with a value in every field. The values fit the example's lab. A member's own test may add an
// example.
var examples = []Fault{
	&Kill{Node: "r1-gw", Lasting: last}, &Stop{Node: "r1", Lasting: last}, &Pause{Node: "worker", Lasting: last}, &Restart{Node: "client"},
	&KillProcess{Node: "r1", Process: "bgpd", Lasting: last}, &PauseProcess{Node: "worker", Process: "kubelet", Lasting: last},
	&LinkDown{Node: "r3", Network: "lag", Link: 1, Lasting: last}, &Flap{Node: "r1", Network: "edge", Interval: 200 * ms, Lasting: last},
	&Partition{Node: "r1", Peer: "client", Network: "edge", Direction: "out", Lasting: last},
	&Loss{Node: "client", Percent: 12.5, Network: "edge", Direction: "in", Lasting: last},
	&RateLimit{Node: "r1", Rate: "10mbit", Network: "edge", Lasting: last}, &Latency{Node: "r1", Delay: 50 * ms, Jitter: 5 * ms, Network: "edge", Lasting: last},
	&StaleNeighbor{Node: "client", Peer: "gw", Network: "edge", Lasting: last}, &WrongNeighbor{Node: "worker", Peer: "192.0.2.1", Network: "fabric", Lasting: last},
	&BGPShut{Router: "r1", Peer: "nodes", Lasting: last}, &BGPClear{Router: "r1", Peer: "worker"}, &BGPSoftClear{Router: "r1", Peer: "worker"},
	&Cordon{Node: "worker", Lasting: last}, &Drain{Node: "worker", Lasting: last}, &DeleteLease{Lease: "kube-system/x"},
	&Drop{Node: "r1", Proto: "udp", Port: 53, Peer: "worker", Network: "fabric", Direction: "in", Lasting: last},
	&Duplicate{Node: "r1", Percent: 5, Network: "edge", Lasting: last}, &Corrupt{Node: "r1", Percent: 5, Network: "edge", Lasting: last},
	&Reorder{Node: "r1", Percent: 25, Delay: 20 * ms, Network: "edge", Lasting: last}, &Reboot{Node: "r1", Down: 5000 * ms},
	&SlowProcess{Node: "worker", Process: "kubelet", Percent: 80, Period: 500 * ms, Lasting: last},
	&CutAPI{Node: "worker", Lasting: last}, &ScaleToZero{Workload: "echo", Lasting: last},
}

// A member is read from a file, checked, described, made, and read again from a record as another process does.
func TestEveryMember(t *testing.T) {
	in := New(nil, examplePlan(), t.TempDir(), nil, nil)
	missing := map[string]bool{}
	for _, m := range kinds.Faults {
		missing[m.Name] = true
	}
	for _, f := range examples {
		name := NameOf(f)
		delete(missing, name)
		for _, o := range scenario.OptionsOf(f) {
			if !o.Set() {
				t.Errorf("%s: the example has no %s", name, o.Name)
			}
		}
		read, err := in.read(f)
		if err != nil || !reflect.DeepEqual(read, f) {
			t.Errorf("%s: read as %v (%v)", name, read, err)
			continue
		}
		if !strings.Contains(f.String(), TargetOf(f)) || f.About().What == "" {
			t.Errorf("%s is described as %q, %+v", name, f, f.About())
		}
		for _, o := range Options(f) {
			if !strings.Contains(f.String(), fmt.Sprint(o.Value)) {
				t.Errorf("%s: the words %q lack %s %v", name, f, o.Name, o.Value)
			}
		}
		r := &record{ID: "00aa11", Fault: Made{ID: "00aa11", Fault: f}}
		if err := in.store.write(r); err != nil {
			t.Fatal(err)
		}
		back, err := in.store.read(r.ID)
		if err != nil || !reflect.DeepEqual(back.Fault, r.Fault) {
			t.Errorf("%s: the record is read as %+v (%v)", name, back, err)
			continue
		}
		if act, err := in.action(back); err != nil || act.hold() == "" {
			t.Errorf("%s: %v", name, err)
		}
		if found, err := Find(kinds.Faults, strings.ToUpper(name)); err != nil || NameOf(found) != name {
			t.Errorf("%s in capitals: %v, %v", name, found, err)
		}
	}
	if len(missing) > 0 {
		t.Errorf("no example of %v", missing)
	}
	if f, err := Find(kinds.Faults, "link-down"); err != nil || NameOf(f) != "linkDown" {
		t.Errorf("link-down is %v, %v", f, err)
	}
}

// The file has every fault with every field, and the tests of valid files and of the schema therefore cover all faults.
func TestOneFileHasEveryFault(t *testing.T) {
	s, err := scenario.Load("../scenario/testdata/valid-faults.yaml", kinds)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	take := func(f scenario.Fault) {
		for _, o := range scenario.OptionsOf(f.Fields) {
			seen[f.Name+"."+o.Name] = seen[f.Name+"."+o.Name] || o.Set()
		}
	}
	for _, c := range s.Spec.Checks {
		take(reflect.ValueOf(c.Fields).Elem().FieldByName("Fault").Interface().(scenario.Fault)) // of a failover
	}
	for _, step := range s.Bug.Trigger {
		take(*step.Fault)
	}
	for _, m := range kinds.Faults {
		for _, o := range scenario.OptionsOf(m.New()) {
			if !seen[m.Name+"."+o.Name] && o.Name != "for" {
				t.Errorf("testdata/valid-faults.yaml has no %s with %s", m.Name, o.Name)
			}
		}
	}
}

// A record keeps the form of earlier versions. An unknown fault is listed, and refused without a panic.
func TestRecordsOfOtherVersions(t *testing.T) {
	in := New(nil, examplePlan(), t.TempDir(), nil, nil)
	for id, fault := range map[string]string{
		"aaaaaa": `{"id":"aaaaaa","kind":"linkDown","node":"r1","network":"edge","for":"5s"}`,
		"bbbbbb": `{"id":"bbbbbb","kind":"melt","node":"r1","heat":7}`,
		"cccccc": `{}`,
	} {
		if err := os.MkdirAll(in.store.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		text := `{"id":"` + id + `","lab":"lab1","state":"inForce","hold":"link/x","fault":` + fault + `}`
		if err := os.WriteFile(in.store.path(id), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := in.List(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatalf("seen %v, %v", list, err)
	}
	old, err := in.store.read("aaaaaa")
	if want := (&LinkDown{Node: "r1", Network: "edge", Lasting: Lasting{For: scenario.Duration(5 * time.Second)}}); err != nil || !reflect.DeepEqual(old.Fault.Fault, want) {
		t.Errorf("seen %+v, %v, want %v", old, err, want)
	}
	if text, err := json.Marshal(old.Fault); err != nil || string(text) != `{"for":"5s","id":"aaaaaa","kind":"linkDown","network":"edge","node":"r1"}` {
		t.Errorf("written as %s, %v", text, err)
	}
	for _, id := range []string{"bbbbbb", "cccccc"} {
		if err := in.clear(t.Context(), id); err == nil || !strings.Contains(err.Error(), "has no fault") {
			t.Errorf("%s: cleared with %v", id, err)
		}
	}
}

func TestMistakesOfAFault(t *testing.T) {
	in := New(nil, examplePlan(), t.TempDir(), nil, nil)
	for _, tt := range []struct {
		f    Fault
		want string // empty: no mistake
	}{
		{&Kill{Node: "r1"}, ""},
		{&Kill{Node: "r1-gw"}, ""},
		{&Kill{Node: "skidpad-lab1-worker"}, ""},
		{&Kill{}, `kill: seen ""`},
		{&Kill{Node: "r9"}, "of the scenario: client, r1, r2, r3, control-plane, worker, r1-gw"},
		{&LinkDown{Node: "worker"}, ""},
		{&LinkDown{Node: "r1"}, "network: seen nothing, want the network of linkDown, one of: fabric, edge"},
		{&LinkDown{Node: "client", Network: "fabric"}, `network: seen "fabric", on which client has no link`},
		{&Flap{Node: "client"}, "interval: seen nothing"},
		{&Partition{Node: "r1", Peer: "client"}, ""},
		{&Partition{Node: "worker", Peer: "client"}, `peer: seen "client", on none of the networks fabric of worker`},
		{&Partition{Node: "r1", Peer: "r1-gw"}, "in the network namespace of r1"},
		{&Partition{Node: "r1", Peer: "r1"}, "want another node"},
		{&Partition{Node: "r1", Peer: "r2", Direction: "up"}, `direction: seen "up"`},
		{&Drop{Node: "r1", Proto: "pigeon"}, `proto: seen "pigeon"`},
		{&Drop{Node: "r1", Proto: "bgp", Peer: "client", Network: "fabric"}, "on none of the networks fabric"},
		{&Loss{Node: "r1", Percent: 101}, "percent: seen 101"},
		{&RateLimit{Node: "r1", Rate: "fast"}, `rate: seen "fast"`},
		{&Latency{Node: "r1", Delay: 1, Jitter: 2}, "jitter: seen 2ns, want at most the delay"},
		{&Cordon{Node: "r1"}, "want a node of the scenario: control-plane, worker"},
		{&Drain{Node: "control-plane"}, ""},
		{&BGPShut{Router: "worker"}, "want a router of the scenario: r1, r2"},
		{&BGPShut{Router: "r2"}, "want a router that speaks BGP"},
		{&BGPShut{Router: "r1", Peer: "nodes"}, ""},
		{&BGPShut{Router: "r1", Peer: "worker"}, "which opens its session itself"},
		{&BGPClear{Router: "r1", Peer: "worker"}, ""},
		{&BGPClear{Router: "r1", Peer: "moon"}, `peer: seen "moon"`},
		{&WrongNeighbor{Node: "client", Peer: "gw"}, ""},
		{&WrongNeighbor{Node: "client", Peer: "moon"}, "want an address, a gateway or another node"},
		{&ScaleToZero{Workload: "web"}, `seen "web"`},
		{&KillProcess{Node: "nodes", Process: "cilium-agent"}, "want a fault for each"},
	} {
		_, err := in.read(tt.f)
		var invalid *Invalid
		if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &invalid) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v; want %q", tt.f, err, tt.want)
		}
	}
}

func TestWords(t *testing.T) {
	ms := scenario.Duration(time.Millisecond)
	for want, f := range map[string]Fault{
		"kill r1":                                         &Kill{Node: "r1"},
		"link fabric of r1 down":                          &LinkDown{Node: "r1", Network: "fabric"},
		"link of client down (for 5s)":                    &LinkDown{Node: "client", Lasting: Lasting{For: 5000 * ms}},
		"kill cilium-agent on all nodes":                  &KillProcess{Node: "nodes", Process: "cilium-agent"},
		"drop bfd at r1 in":                               &Drop{Node: "r1", Proto: "bfd", Direction: "in"},
		"drop bgp at r1 (peer r2)":                        &Drop{Node: "r1", Proto: "bgp", Peer: "r2"},
		"drop udp at r1 (port 53)":                        &Drop{Node: "r1", Proto: "udp", Port: 53},
		"duplicate packets of r1 (percent 5)":             &Duplicate{Node: "r1", Percent: 5},
		"corrupt packets of r1 (network edge, percent 5)": &Corrupt{Node: "r1", Network: "edge", Percent: 5},
		"reorder packets of r1 (percent 5, delay 10ms)":   &Reorder{Node: "r1", Percent: 5, Delay: 10 * ms},
		"reboot r1 (down 5s)":                             &Reboot{Node: "r1", Down: 5000 * ms},
		"slow etcd on worker (percent 80, period 1s)":     &SlowProcess{Node: "worker", Process: "etcd", Percent: 80, Period: 1000 * ms},
		"loss at r1 (percent 12.5)":                       &Loss{Node: "r1", Percent: 12.5},
		"reset the sessions of r1":                        &BGPClear{Router: "r1"},
		"partition r1 from r2":                            &Partition{Node: "r1", Peer: "r2"},
		"latency at r1 (delay 50ms, jitter 5ms)":          &Latency{Node: "r1", Delay: 50 * ms, Jitter: 5 * ms},
	} {
		if got := f.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAFaultOfAllNodes(t *testing.T) {
	p := examplePlan()
	got := each(&KillProcess{Node: "nodes", Process: "x"}, p)
	if want := []Fault{&KillProcess{Node: "control-plane", Process: "x"}, &KillProcess{Node: "worker", Process: "x"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("seen %v, want %v", got, want)
	}
	for _, one := range []Fault{&KillProcess{Node: "r1", Process: "x"}, &ScaleToZero{Workload: "nodes"}} {
		if got := each(one, p); !reflect.DeepEqual(got, []Fault{one}) {
			t.Errorf("seen %v, want %v", got, one)
		}
	}
}

func TestDropLayers(t *testing.T) {
	in := New(nil, examplePlan(), t.TempDir(), nil, nil)
	at, _ := find(in.plan, "r1")
	s := spot{in: in, at: at}
	got, err := (&Drop{Node: "r1", Proto: "bgp", Direction: "in", Network: "fabric"}).layers(t.Context(), s)
	want := []layer{{at, []drop{{Device: "fabric", Match: match{L4: protoTCP, DPort: 179}}, {Device: "fabric", Match: match{L4: protoTCP, SPort: 179}}}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for proto, want := range map[string]uint8{"ospf": 89, "132": 132} {
		if m := (&Drop{Node: "r1", Proto: proto}).matches(); len(m) != 1 || m[0] != (match{L4: want}) {
			t.Errorf("%s: seen %+v, want the IP protocol %d", proto, m, want)
		}
	}
	if m := (&Drop{Proto: "udp", Port: 53}).matches(); len(m) != 2 || m[0] != (match{L4: protoUDP, DPort: 53}) || m[1] != (match{L4: protoUDP, SPort: 53}) {
		t.Errorf("a port: seen %+v, want packets to the port and from the port", m)
	}
	if got, err = (&Drop{Node: "r1", Proto: "arp"}).layers(t.Context(), s); err != nil || len(got[0].drops) != 4 {
		t.Errorf("both ways on both networks: got %+v, %v", got, err)
	}
}

func TestFaultsShareAQueue(t *testing.T) {
	ms := scenario.Duration(time.Millisecond)
	var s sending
	for _, f := range []queueing{&Latency{Delay: 5 * ms}, &Corrupt{Percent: 2}, &Corrupt{Network: "edge", Percent: 9}, &Corrupt{Percent: 3}, &Reorder{Percent: 25, Delay: 10 * ms}} {
		f.queues("fabric", &s)
	}
	if want := (sending{Delay: 15 * time.Millisecond, Corrupt: 3, Reorder: 25}); s != want {
		t.Errorf("seen %+v, want %+v", s, want)
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
