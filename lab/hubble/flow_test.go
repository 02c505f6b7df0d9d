package hubble

import (
	"strings"
	"testing"
)

// told holds lines in the format of `hubble observe -o jsonpb` of Cilium 1.19, without the fields that Parse
// does not read.
const told = `{"flow":{"time":"2026-11-21T09:00:00.1Z","verdict":"FORWARDED","IP":{"source":"172.30.0.201","destination":"10.244.1.5","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":40001,"destination_port":8080,"flags":{"SYN":true}}},"source":{"identity":2},"destination":{"identity":7,"namespace":"default","pod_name":"echo-a"},"Type":"L3_L4","node_name":"n-worker","is_reply":false},"node_name":"n-worker","time":"2026-11-21T09:00:00.1Z"}
{"node_status":{"state_change":"NODE_CONNECTED","node_names":["n-worker"]},"node_name":"relay"}

{"flow":{"time":"2026-11-21T09:00:01Z","verdict":"DROPPED","drop_reason_desc":"POLICY_DENIED","IP":{"source":"172.30.0.201","destination":"10.244.1.5"},"l4":{"UDP":{"source_port":1,"destination_port":2}},"destination":{"namespace":"default","pod_name":"echo-a"},"node_name":"n-worker"}}
{"flow":{"verdict":"FORWARDED","node_name":"n-worker","ethernet":{"source":"02:42:00:00:00:01"}}}
`

func TestParse(t *testing.T) {
	flows, err := Parse([]byte(told))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range flows {
		lines = append(lines, f.String())
	}
	want := `FORWARDED TCP 172.30.0.201:40001 → 10.244.1.5:8080 (default/echo-a) seen on n-worker
DROPPED UDP 172.30.0.201:1 → 10.244.1.5:2 (default/echo-a) POLICY_DENIED seen on n-worker`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("seen:\n%s\nwant:\n%s", got, want)
	}
}

func TestParseRefusesWhatIsNoFlow(t *testing.T) {
	if _, err := Parse([]byte("Error: unavailable\n")); err == nil || !strings.Contains(err.Error(), "unavailable") {
		t.Errorf("seen %v, want an error that quotes the line", err)
	}
}
