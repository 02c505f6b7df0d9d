package check

import (
	"fmt"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestJudgeSpread(t *testing.T) {
	// spread sends 100 flows, as many via each node as given. A flow beyond these is seen nowhere.
	spread := func(worker, worker2 int) (sightings, []record.Shot) {
		seen, shots := sightings{"worker": {}, "worker2": {}}, []record.Shot{}
		for i := range 100 {
			shots = append(shots, record.Shot{Target: "198.51.100.1:80", Local: fmt.Sprintf("172.30.3.201:%d", 40000+i)})
			at := capture.Connection{To: ip("198.51.100.1"), From: uint16(40000 + i)}
			seen["worker"][at], seen["worker2"][at] = i < worker, i >= 100-worker2
		}
		return seen, shots
	}
	equal, third, none := map[string]int(nil), map[string]int{"worker": 3}, map[string]int{"worker2": 0}
	for _, c := range []struct {
		name            string
		weights         map[string]int
		worker, worker2 int
		held            bool
		says            string
	}{
		{"equal", equal, 50, 50, true, "100 of 100 flows answered: worker 50.0 % (50), worker2 50.0 % (50)"},
		{"nearly equal", equal, 60, 40, true, ""},
		{"not equal", equal, 61, 39, false, "worker 61.0 % (61)"},
		{"not equal, the other way", equal, 39, 61, false, ""},
		{"by weight", third, 70, 30, true, ""},
		{"equal in place of the weights", third, 50, 50, false, ""},
		{"all via one", none, 100, 0, true, ""},
		{"all via the wrong one", none, 0, 100, false, ""},
		{"some via neither", equal, 49, 49, false, "2 were seen at no next hop"},
		{"some via both", equal, 51, 51, false, "2 were seen at several next hops"},
	} {
		check := &Spread{Over: []string{"worker", "worker2"}, Weights: c.weights, Tolerance: 10, Flows: 100}
		seen, shots := spread(c.worker, c.worker2)
		if held, observed := check.judge(seen, shots); held != c.held || !strings.Contains(observed, c.says) {
			t.Errorf("%s: %v, wanted %v: %s", c.name, held, c.held, observed)
		}
		three := &Spread{Over: []string{"worker", "worker2", "worker3"}, Tolerance: 20, Flows: 100}
		if held, observed := three.judge(seen, shots); held {
			t.Errorf("%s, a third next hop without a flow: held: %s", c.name, observed)
		}
		shots[7].Error = "timeout"
		if held, observed := check.judge(seen, shots); held || !strings.Contains(observed, "99 of 100 flows answered") {
			t.Errorf("%s, one not answered: %v: %s", c.name, held, observed)
		}
		if held, observed := check.judge(seen, nil); held {
			t.Errorf("%s, nothing sent: held: %s", c.name, observed)
		}
	}
}

func TestSpreadInAFile(t *testing.T) {
	parse := func(check string) error {
		_, err := scenario.Parse("file", []byte(`
apiVersion: skidpad.dev/v1alpha1
kind: Scenario
metadata: {name: two-ways}
spec:
  networks: [{name: left}, {name: right}]
  routers: [{name: r1, networks: [left, right]}, {name: r2, networks: [left, right]}]
  clients: [{name: client, network: left}, {name: server, network: right, echo: true}]
  checks:
    - spread: `+check), scenario.Kinds{Checks: []scenario.Member{Member[Spread]("spread")}})
		return err
	}
	if err := parse("{from: client, to: client, workload: server, over: [r1, r2], weights: {r1: 3}, tolerance: 10}"); err != nil {
		t.Error(err)
	}
	for check, want := range map[string]string{
		"{from: client, to: client, workload: server, tolerance: 10}":                                    "over: seen an empty list",
		"{from: nobody, to: client, workload: server, over: [r1, r2], tolerance: 10}":                    `from: seen "nobody"`,
		"{from: client, to: pod, workload: server, over: [r1, r2], tolerance: 10}":                       "to: seen pod, want clusterIP",
		"{from: client, to: client, workload: client, over: [r1, r2], tolerance: 10}":                    `workload: seen "client"`,
		"{from: client, to: client, workload: server, over: [r1, r9], tolerance: 10}":                    `over[1]: seen "r9"`,
		"{from: client, to: client, workload: server, over: [r1, r1], tolerance: 10}":                    `over[1]: seen "r1" twice`,
		"{from: client, to: client, workload: server, over: [r1], weights: {r2: 1}, tolerance: 10}":      `weights.r2: seen a weight of "r2"`,
		"{from: client, to: client, workload: server, over: [r1, r2], weights: {r2: -1}, tolerance: 10}": "weights.r2: seen -1",
		"{from: client, to: client, workload: server, over: [r1], weights: {r1: 0}, tolerance: 10}":      "weights: seen no weight above 0",
		"{from: client, to: client, workload: server, over: [r1, r2], tolerance: 0}":                     "tolerance: seen 0",
	} {
		if err := parse(check); err == nil || !strings.Contains(err.Error(), "spec.checks[0].spread."+want) {
			t.Errorf("%s: seen %v, want %q", check, err, want)
		}
	}
}
