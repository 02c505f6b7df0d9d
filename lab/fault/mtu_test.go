package fault

import (
	"strings"
	"testing"
)

func init() {
	examples = append(examples, &MTU{Node: "r1", Network: "edge", Bytes: 1400, Lasting: last})
}

func TestMTUIsChangedAndPutBack(t *testing.T) {
	private(t, func(n *netns) {
		size := func() int {
			dev, err := n.LinkByName("fabric")
			if err != nil {
				t.Fatal(err)
			}
			return dev.Attrs().MTU
		}
		m := &mtu{link: link{spot: spot{at: place{networks: []string{"fabric"}}}}}
		for _, bytes := range []int{1400, 1500} {
			if err := m.size(n, bytes); err != nil || size() != bytes {
				t.Errorf("the MTU is %d (%v), want %d", size(), err, bytes)
			}
		}
	})
}

func TestMTUOfAFile(t *testing.T) {
	in := New(nil, examplePlan(), t.TempDir(), nil, nil)
	for _, c := range []struct {
		f    MTU
		want string // empty: no mistake
	}{
		{MTU{Node: "r1", Network: "fabric", Bytes: 1400}, ""},
		{MTU{Node: "client", Bytes: 1000}, ""},
		{MTU{Node: "r1", Bytes: 1400}, "network: seen nothing"},
		{MTU{Node: "r1", Network: "fabric"}, "bytes: seen nothing"},
		{MTU{Node: "r1", Network: "fabric", Bytes: 67}, "bytes: seen 67"},
	} {
		if _, err := in.read(&c.f); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", &c.f, err, c.want)
		}
	}
	in.plan.Scenario.Spec.Cluster.IPFamily = "dual"
	if _, err := in.read(&MTU{Node: "client", Bytes: 1279}); err == nil || !strings.Contains(err.Error(), "want at least 1280") {
		t.Errorf("with IPv6: %v", err)
	}
	if got := (&MTU{Node: "r1", Network: "fabric", Bytes: 1400}).String(); got != "MTU of r1 (network fabric, bytes 1400)" {
		t.Error(got)
	}
}
