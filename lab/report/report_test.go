package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

var update = flag.Bool("update", false, "write the golden files again")

func someRuns() []Run {
	ip := netip.MustParseAddr
	address := func(kind scenario.Target, of, at string) probe.Address {
		return probe.Address{Kind: kind, Of: of, At: netip.MustParseAddrPort(at)}
	}
	by := []check.Answerer{{Pod: "echo-a", Node: "worker", Source: "192.0.2.9", Times: 17}, {Pod: "echo-b", Node: "worker2", Source: "192.0.2.9", Times: 15}}
	checks := []check.Result{
		{Name: "reach from client to loadBalancer/echo", Verdict: check.Held, Duration: 400 * time.Millisecond,
			Expected: "every load-balancer IP of echo answers 32 connections in a row", Observed: "1 of 1 answered",
			Addresses: []check.AddressRow{{Address: address(scenario.TargetLoadBalancer, "", "198.51.100.1:80"), Answered: 32, Wanted: 32, By: by, Latency: 1500 * time.Microsecond, Looks: 2}}},
		{Name: "reach from client to pod/echo", Verdict: check.Failed, Duration: 30 * time.Second,
			Expected: "every pod of echo (2) answers 32 connections in a row", Observed: "not within 30s: 1 of 2 answered; 10.244.2.6:8080 (echo-b): timeout",
			Addresses: []check.AddressRow{
				{Address: address(scenario.TargetPod, "echo-a", "10.244.1.5:8080"), Answered: 32, Wanted: 32, By: by[:1], Latency: time.Millisecond, Looks: 40},
				{Address: address(scenario.TargetPod, "echo-b", "10.244.2.6:8080"), Wanted: 32, By: []check.Answerer{}, Looks: 40, Error: "timeout"}}},
		{Name: "sessions of r1", Verdict: check.Failed, Duration: 30 * time.Second, Expected: "2 BGP sessions Established", Observed: "1 of 2 Established; r1 to nodes: 0 of 1 peers are there",
			Sessions: []check.SessionRow{
				{Router: "r1", Peer: ip("172.30.0.12"), Name: "r2", ASN: 64513, State: bgp.Established, Uptime: time.Minute, PrefixesReceived: 5, PrefixesSent: 5},
				{Router: "r1", Name: "nodes", ASN: 64512, Error: "0 of 1 peers are there"}}},
		{Name: "routes on r1 to pod/echo", Verdict: check.Failed, Duration: 30 * time.Second, Expected: "a route <each>", Observed: "0 of 1 routes are right",
			Routes: []check.RouteRow{{Router: "r1", Prefix: netip.MustParsePrefix("10.244.2.0/24"), Of: "worker2", RIB: []netip.Addr{ip("172.30.0.4")}, FIB: []netip.Addr{}, Error: "FIB: no route"}}},
		{Name: "routes on r2 to pod/echo", Verdict: check.Unknown, Duration: time.Second, Expected: "a route", Observed: "stopped"},
		{Name: "sessions of r3", Verdict: check.Skipped, Expected: "0 BGP sessions Established", Observed: "no router of the plan has a BGP peer"},
	}
	for i := range checks {
		checks[i].Scenario = "cilium-bgp-vrrp"
	}
	return []Run{
		{Scenario: "cilium-bgp-vrrp", Started: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), Duration: 31 * time.Second, Checks: checks},
		{Scenario: "kube-router", Skipped: "image kube-router can be neither pulled nor built here", Started: time.Date(2026, 11, 20, 10, 0, 31, 0, time.UTC)},
	}
}

func TestGolden(t *testing.T) {
	runs := someRuns()
	for name, write := range map[string]func(io.Writer) error{
		"report.txt":     func(w io.Writer) error { return Text(w, runs, false) },
		"report-all.txt": func(w io.Writer) error { return Text(w, runs, true) },
		"report.json":    func(w io.Writer) error { return JSON(w, runs) },
		"report.xml":     func(w io.Writer) error { return JUnit(w, runs) },
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("%s is now\n%s\nwant\n%s\nto accept the new text: go test ./lab/report -update", golden, got.String(), want)
			}
		})
	}
}

func TestJSONKeepsTheContract(t *testing.T) {
	var out bytes.Buffer
	if err := JSON(&out, someRuns()); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(&out)
	for _, run := range someRuns() {
		var got struct {
			Scenario string
			Checks   []map[string]any
		}
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Scenario != run.Scenario || got.Checks == nil || len(got.Checks) != len(run.Checks) {
			t.Errorf("read %+v, wanted the scenario %s with %d checks", got, run.Scenario, len(run.Checks))
		}
		for _, c := range got.Checks {
			for _, field := range []string{"name", "verdict", "expected", "observed"} {
				if c[field] == "" || c[field] == nil {
					t.Errorf("check %v lacks %s", c["name"], field)
				}
			}
		}
	}
}

func TestJUnitIsXML(t *testing.T) {
	var out bytes.Buffer
	if err := JUnit(&out, someRuns()); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 7 || got.Failures != 3 || got.Errors != 1 || got.Skipped != 2 {
		t.Errorf("%d tests, %d failures, %d errors, %d skipped; wanted 7, 3, 1, 2", got.Tests, got.Failures, got.Errors, got.Skipped)
	}
}

func TestExitCode(t *testing.T) {
	run := func(verdicts ...check.Verdict) Run {
		var r Run
		for _, v := range verdicts {
			r.Checks = append(r.Checks, check.Result{Verdict: v})
		}
		return r
	}
	for _, test := range []struct {
		name string
		runs []Run
		want int
	}{
		{"all held", []Run{run(check.Held, check.Held)}, 0},
		{"one failed", []Run{run(check.Held, check.Failed)}, 1},
		{"one unknown", []Run{run(check.Held, check.Unknown)}, 4},
		{"unknown, then failed", []Run{run(check.Unknown), run(check.Failed)}, 1},
		{"a check skipped", []Run{run(check.Held, check.Skipped)}, 0},
		{"a scenario skipped", []Run{{Skipped: "no image"}}, 0},
		{"no checks", []Run{run()}, 4},
		{"a missing verdict", []Run{run("")}, 4},
	} {
		if got := ExitCode(test.runs); got != test.want {
			t.Errorf("%s: exit code %d, wanted %d", test.name, got, test.want)
		}
	}
}
