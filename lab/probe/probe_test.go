package probe

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestParseRef(t *testing.T) {
	at := netip.MustParseAddrPort
	for s, want := range map[string]Ref{
		"pod/echo":             {Kind: scenario.TargetPod, Workload: "echo"},
		"clusterIP/echo":       {Kind: scenario.TargetClusterIP, Workload: "echo"},
		"externalIP/echo":      {Kind: scenario.TargetExternalIP, Workload: "echo"},
		"loadBalancer/echo":    {Kind: scenario.TargetLoadBalancer, Workload: "echo"},
		"nodePort/echo":        {Kind: scenario.TargetNodePort, Workload: "echo"},
		"nodePort/echo@worker": {Kind: scenario.TargetNodePort, Workload: "echo", Node: "worker"},
		"192.0.2.1:80":         {Address: at("192.0.2.1:80")},
		"[2001:db8::1]:80":     {Address: at("[2001:db8::1]:80")},
	} {
		got, err := ParseRef(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("ParseRef(%q) = %+v (%q), %v; wanted %+v", s, got, got, err, want)
		}
	}
	for _, s := range []string{"", "echo", "pod/", "pods/echo", "pod/echo@worker", "nodePort/echo@", "nodePort/@worker", "192.0.2.1", "192.0.2.1:0", "2001:db8::1:80/x"} {
		if got, err := ParseRef(s); err == nil {
			t.Errorf("ParseRef(%q) = %+v, wanted an error", s, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	ip := netip.MustParseAddr
	e := Endpoints{
		Workload: "echo", Pods: []Pod{{Name: "a", Node: "worker", IPs: []netip.Addr{ip("10.244.1.5"), ip("fd00::5")}}},
		ClusterIPs: []netip.Addr{ip("10.96.0.9")}, LoadBalancerIPs: []netip.Addr{{}},
		Nodes:    []NodeAddress{{Name: "worker", Addresses: []netip.Addr{ip("172.30.0.3")}}, {Name: "worker2", Addresses: []netip.Addr{ip("172.30.0.4")}}},
		Floating: []NodeAddress{{Name: "vip", Addresses: []netip.Addr{ip("172.30.0.254"), ip("fd00::fe")}}},
		PodPort:  Ports{8080, 8081}, ServicePort: Ports{80, 81}, NodePort: Ports{TCP: 30080},
	}
	tests := []struct {
		ref   string
		proto record.Proto
		want  []string
	}{
		{"pod/echo", record.HTTP, []string{"10.244.1.5:8080", "[fd00::5]:8080"}},
		{"pod/echo", record.UDP, []string{"10.244.1.5:8081", "[fd00::5]:8081"}},
		{"clusterIP/echo", record.TCP, []string{"10.96.0.9:80"}},
		{"nodePort/echo", record.HTTPKept, []string{"172.30.0.3:30080", "172.30.0.4:30080"}},
		{"nodePort/echo@worker2", record.HTTP, []string{"172.30.0.4:30080"}},
		{"nodePort/echo@vip", record.HTTP, []string{"172.30.0.254:30080", "[fd00::fe]:30080"}},
		{"nodePort/echo@other", record.HTTP, nil},
		{"nodePort/echo", record.UDP, nil},
		{"externalIP/echo", record.HTTP, nil},
		{"loadBalancer/echo", record.HTTP, nil},
		{"203.0.113.1:7", record.UDP, []string{"203.0.113.1:7"}},
	}
	for _, test := range tests {
		ref, err := ParseRef(test.ref)
		if err != nil {
			t.Fatal(err)
		}
		found, err := e.Resolve(ref, test.proto)
		if (err != nil) != (test.want == nil) {
			t.Errorf("%s by %s: error %v", test.ref, test.proto, err)
		}
		var got []string
		for _, a := range found {
			got = append(got, a.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s by %s: %v, wanted %v", test.ref, test.proto, got, test.want)
		}
	}
}

// scripted is a node whose commands all write the same output.
type scripted struct {
	out []byte
	err error
	cmd []string
}

func (s *scripted) Name() string    { return "client" }
func (s *scripted) Kind() node.Kind { return node.KindClient }
func (s *scripted) Exec(_ context.Context, cmd ...string) ([]byte, error) {
	s.cmd = cmd
	return s.out, s.err
}
func (s *scripted) ExecInput(ctx context.Context, _ []byte, cmd ...string) ([]byte, error) {
	return s.Exec(ctx, cmd...)
}

func TestOnce(t *testing.T) {
	target := netip.MustParseAddrPort("192.0.2.1:80")
	n := &scripted{out: []byte(`[{"target":"192.0.2.1:80","try":1,"latency":1000,"answer":{"pod":"a"}}]`)}
	shots, err := Once(t.Context(), n, Shots{Proto: record.HTTP, Targets: []netip.AddrPort{target}})
	if err != nil || len(shots) != 1 || shots[0].Answer.Pod != "a" {
		t.Fatalf("shots %+v, error %v", shots, err)
	}
	if want := regexp.MustCompile("^" + Program + " once --proto http --timeout 1s --times 1 --from-port [0-9]{5} 192.0.2.1:80$"); !want.MatchString(strings.Join(n.cmd, " ")) {
		t.Errorf("it ran %q, wanted %q", n.cmd, want)
	}
	for _, n := range []*scripted{{err: errors.New("container is gone")}, {out: []byte("not JSON")}} {
		if _, err := Once(t.Context(), n, Shots{Proto: record.HTTP, Targets: []netip.AddrPort{target}}); err == nil || !strings.Contains(err.Error(), "client") {
			t.Errorf("error %v, wanted one that names the node", err)
		}
	}
}

const recording = `{"start":{"clock":{"mono":0,"wall":"2026-11-20T10:00:00Z"},"flows":[{"flow":0,"target":"192.0.2.1:80","proto":"udp","interval":1000000,"timeout":500000000,"slots":4,"first":1000000}],"scheduler":"other"}}
{"attempt":{"flow":0,"seq":0,"sent":1000000,"late":0,"answered":1500000,"answer":{"pod":"a","node":"n","client":"192.0.2.9:4"}}}
{"attempt":{"flow":0,"seq":3,"sent":4100000,"late":100000,"answered":4500000,"answer":{"pod":"b","node":"m","client":"192.0.2.9:4"}}}
{"attempt":{"flow":0,"seq":1,"sent":2000000,"late":0,"error":"timeout"}}
{"attempt":{"flow":0,"seq":2,"sent":3000000,"late":0,"error":"timeout"}}
`

func TestRunAndResults(t *testing.T) {
	end := `{"end":{"clock":{"mono":9000000,"wall":"2026-11-20T10:00:01Z"},"reason":"done","flows":[{"flow":0,"sent":4,"skipped":0}]}}` + "\n"
	f := Flow{Proto: record.UDP, Targets: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:80")}, Rate: 1000, Duration: time.Second}
	n := &scripted{out: []byte(recording + end)}
	rec, err := Run(t.Context(), n, f)
	if err != nil {
		t.Fatal(err)
	}
	if want := Program + " run --proto udp --rate 1000 --for 1s --timeout 500ms 192.0.2.1:80"; strings.Join(n.cmd, " ") != want {
		t.Errorf("it ran %q, wanted %q", n.cmd, want)
	}
	r := Results("client", "loadBalancer/echo", rec, loss.Options{})[0]
	if r.Sent != 4 || r.Lost == nil || *r.Lost != 2 || r.Rate != 1000 || r.Errors["timeout"] != 2 {
		t.Errorf("result %+v", r)
	}
	want := []Outage{{Start: time.Date(2026, 11, 20, 10, 0, 0, 2000000, time.UTC), End: time.Date(2026, 11, 20, 10, 0, 0, 4100000, time.UTC), Length: 2.1, Uncertainty: 1.5, Lost: 2}}
	if !reflect.DeepEqual(r.Outages, want) {
		t.Errorf("outages %+v, wanted %+v", r.Outages, want)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{`"sent":4`, `"lost":2`, `"duplicated":0`, `"reordered":0`, `"latency":{`, `"outages":[{"start":`, `"end":`, `"length":2.1`, `"answeredBy":[`} {
		if !strings.Contains(string(text), field) {
			t.Errorf("%s lacks %s", text, field)
		}
	}
}

func TestACutRunIsUnknown(t *testing.T) {
	rec, err := Run(t.Context(), &scripted{out: []byte(recording), err: context.Canceled},
		Flow{Proto: record.UDP, Targets: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:80")}, Rate: 1, Duration: time.Second})
	if !errors.Is(err, context.Canceled) || rec == nil {
		t.Fatalf("recording %v, error %v; wanted both", rec, err)
	}
	text, err := json.Marshal(Results("client", "pod/echo", rec, loss.Options{})[0])
	if err != nil || !strings.Contains(string(text), `"lost":null`) || !strings.Contains(string(text), "was cut") {
		t.Errorf("%s (%v): wanted lost null, and why", text, err)
	}
}

func TestAProberWhoseOutputIsNoRecordingIsAnError(t *testing.T) {
	rec, err := Run(t.Context(), &scripted{out: []byte("sh: skidpad-probe: not found\n")},
		Flow{Proto: record.UDP, Targets: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:80")}, Rate: 1, Duration: time.Second})
	if rec != nil || err == nil || !strings.Contains(err.Error(), "skidpad-probe: not found") {
		t.Errorf("recording %v, error %v", rec, err)
	}
}

// Each count of a summary is a count of its own in the result.
func TestAResultHasEveryCount(t *testing.T) {
	s := loss.Summary{Flow: record.Flow{Interval: time.Second}, Sent: 90, Lost: 7, Duplicated: 6, Reordered: 5, Overdue: 4, Skipped: 3}
	r := result("client", "pod/echo", s, &record.Recording{})
	if got := [...]int{r.Sent, *r.Lost, r.LostAtLeast, r.Duplicated, r.Reordered, r.Overdue, r.Prober.Skipped}; got != [...]int{90, 7, 7, 6, 5, 4, 3} {
		t.Errorf("seen %v", got)
	}
}
