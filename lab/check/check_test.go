package check

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/scenario"
)

// soon is too short for a second look: a broken lab is judged at once.
const soon = scenario.Duration(time.Millisecond)

var (
	kinds  = []scenario.Target{scenario.TargetPod, scenario.TargetClusterIP, scenario.TargetExternalIP, scenario.TargetLoadBalancer, scenario.TargetNodePort}
	reachC = &Reach{From: "client", To: kinds, Within: soon}
	sessC  = &Sessions{Established: "all", Within: soon}
	routeC = &Routes{To: kinds[:4], NextHops: 2, Within: soon}
)

func TestAllHold(t *testing.T) {
	var told []Result
	all := All(t.Context(), newFake(), thePlan(), []Check{reachC, sessC, routeC}, func(r Result) { told = append(told, r) })
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
		if r.Verdict != Held || r.Scenario != "two-routers" || r.Expected == "" || r.Observed == "" {
			t.Errorf("%s: %s, observed %q", r.Name, r.Verdict, r.Observed)
		}
	}
	want := []string{"reach from client to pod/echo", "reach from client to clusterIP/echo", "reach from client to externalIP/echo",
		"reach from client to loadBalancer/echo", "reach from client to nodePort/echo", "sessions of r1, r2",
		"routes on r1, r2 to pod/echo", "routes on r1, r2 to clusterIP/echo", "routes on r1, r2 to externalIP/echo", "routes on r1, r2 to loadBalancer/echo"}
	if !slices.Equal(names, want) {
		t.Errorf("names %q, wanted %q", names, want)
	}
	if !reflect.DeepEqual(all, told) {
		t.Error("not every result was told as soon as it was known")
	}
	row := all[3].Addresses[0]
	if row.At.String() != "198.51.100.1:80" || row.Answered != inARow || len(row.By) != 2 || row.By[0].Source != "192.0.2.9" {
		t.Errorf("the load balancer's row is %+v", row)
	}
}

// Each check must fail without its promised thing, and name the missing thing.
func TestNegativeControls(t *testing.T) {
	drop := func(s *record.Shot, why string) { s.Answer, s.Error = nil, why }
	tests := []struct {
		name   string
		broken func(*fake)
		check  Check
		failed string // the result that must fail; all others must hold
		seen   string
	}{
		{"a pod is silent", func(f *fake) {
			f.answer = func(to netip.AddrPort, s *record.Shot) {
				if to.Addr() == ip("10.244.2.6") {
					drop(s, "timeout")
				}
			}
		}, reachC, "reach from client to pod/echo", "1 of 2 answered (by echo-a on worker; source 192.0.2.9); 10.244.2.6:8080 (echo-b): timeout"},
		{"every second connection is lost", func(f *fake) {
			f.answer = func(to netip.AddrPort, s *record.Shot) {
				if to.Addr() == ip("198.51.100.1") && s.Try%2 == 0 {
					drop(s, "timeout")
				}
			}
		}, reachC, "reach from client to loadBalancer/echo", "timeout, after 1 that were right"},
		{"the last of the connections is lost", func(f *fake) {
			f.answer = func(to netip.AddrPort, s *record.Shot) {
				if to.Addr() == ip("198.51.100.1") && s.Try == inARow {
					drop(s, "timeout")
				}
			}
		}, reachC, "reach from client to loadBalancer/echo", "timeout, after 31 that were right"},
		{"a service is masqueraded", func(f *fake) {
			f.answer = func(to netip.AddrPort, s *record.Shot) {
				if to.Addr() == ip("203.0.113.50") {
					s.Answer.Client = "172.30.0.3:4000"
				}
			}
		}, reachC, "reach from client to externalIP/echo", "saw 172.30.0.3, the sender's own address is 192.0.2.9"},
		{"somebody else answers the service", func(f *fake) {
			f.answer = func(to netip.AddrPort, s *record.Shot) {
				if to.Addr() == ip("10.96.0.9") {
					s.Answer.Pod = "web-1"
				}
			}
		}, reachC, "reach from client to clusterIP/echo", "web-1 answered, which is no pod of echo"},
		{"a pod's address leads to another", func(f *fake) {
			f.answer = func(to netip.AddrPort, s *record.Shot) {
				if to.Addr() == ip("10.244.1.5") {
					s.Answer.Pod = "echo-b"
				}
			}
		}, reachC, "reach from client to pod/echo", "pod echo-b answered, not echo-a"},
		{"one node's port is closed", func(f *fake) {
			f.answer = func(to netip.AddrPort, s *record.Shot) {
				if to.String() == "172.30.0.4:30080" {
					drop(s, "connection refused")
				}
			}
		}, reachC, "reach from client to nodePort/echo", "172.30.0.4:30080 (worker2): connection refused"},
		{"a node is not listed", func(f *fake) { f.endpoints.Nodes = f.endpoints.Nodes[:1] }, reachC, "reach from client to nodePort/echo", "no node port known of worker2"},
		{"no load-balancer address", func(f *fake) { f.endpoints.LoadBalancerIPs = nil }, reachC, "reach from client to loadBalancer/echo", "echo has no loadBalancer address"},
		{"a pod too few", func(f *fake) { f.endpoints.Pods = f.endpoints.Pods[:1] }, reachC, "reach from client to pod/echo", "1 of 2 pods are there"},

		{"no session between routers", func(f *fake) { f.routers[0].sessions = f.routers[0].sessions[1:] }, sessC, "sessions of r1, r2", "5 of 6 Established; r1 to r2 (172.30.0.12): no such session"},
		{"a session is down", func(f *fake) {
			f.routers[1].sessions[0].State, f.routers[1].sessions[0].Reason = bgp.Idle, "Hold Timer Expired"
		}, sessC, "sessions of r1, r2", "r2 to r1 (172.30.0.11): Idle (Hold Timer Expired)"},
		{"a node does not peer", func(f *fake) { f.routers[0].sessions = f.routers[0].sessions[:2] }, sessC, "sessions of r1, r2", "r1 to nodes: 1 of 2 peers are there"},
		{"a node peers with another ASN", func(f *fake) { f.routers[0].sessions[1].PeerASN = 64999 }, sessC, "sessions of r1, r2", "ASN 64999, not 64512"},
		{"a router is dead", func(f *fake) { f.routers[1].err = errors.New("container is gone") }, sessC, "sessions of r1, r2", "cannot be asked: container is gone"},
		{"a router is not in the lab", func(f *fake) { f.routers = f.routers[:1] }, sessC, "sessions of r1, r2", "the lab has no router r2"},

		{"no route in the kernel", func(f *fake) { f.routers[0].remove(&f.routers[0].fib, "10.244.2.0/24") }, routeC, "routes on r1, r2 to pod/echo", "r1: 10.244.2.0/24 of worker2 FIB: no route"},
		{"a pod CIDR by the wrong node", func(f *fake) { f.routers[0].replace(&f.routers[0].rib, "10.244.2.0/24", "172.30.0.3") }, routeC, "routes on r1, r2 to pod/echo", "RIB: by 172.30.0.3, wanted 172.30.0.4"},
		{"a next hop too few", func(f *fake) { f.routers[1].replace(&f.routers[1].fib, "198.51.100.1/32", "172.30.0.3") }, routeC, "routes on r1, r2 to loadBalancer/echo", "r2: 198.51.100.1/32 FIB: by 172.30.0.3, wanted 2 next hops"},
		{"by way of the other router", func(f *fake) {
			f.routers[1].replace(&f.routers[1].rib, "10.96.0.9/32", "172.30.0.3 172.30.0.4 172.30.0.11")
		}, routeC, "routes on r1, r2 to clusterIP/echo", "wanted 172.30.0.3, 172.30.0.4"},
		{"a route that drops", func(f *fake) { f.routers[1].replace(&f.routers[1].fib, "203.0.113.50/32", "") }, routeC, "routes on r1, r2 to externalIP/echo", "FIB: no route"},
		{"a node without pod CIDR", func(f *fake) { f.nodes[1].PodCIDRs = nil }, routeC, "routes on r1, r2 to pod/echo", "node worker2 has no pod CIDR"},
		{"no address to route to", func(f *fake) { f.endpoints.ExternalIPs = nil }, routeC, "routes on r1, r2 to externalIP/echo", "echo has no externalIP address"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake()
			test.broken(f)
			found := false
			for _, r := range run(t.Context(), f, thePlan(), test.check) {
				if r.Name != test.failed {
					if r.Verdict != Held {
						t.Errorf("%s: %s, observed %q; wanted it to hold", r.Name, r.Verdict, r.Observed)
					}
					continue
				}
				found = true
				if r.Verdict != Failed || !strings.Contains(r.Observed, test.seen) {
					t.Errorf("%s: %s, observed %q; wanted failed, with %q", r.Name, r.Verdict, r.Observed, test.seen)
				}
			}
			if !found {
				t.Errorf("no result is called %q", test.failed)
			}
		})
	}
}

func TestUnknownWhenTheLabCannotBeLookedAt(t *testing.T) {
	for name, breakIt := range map[string]func(*fake){
		"the API server is gone":  func(f *fake) { f.endpointsErr = errors.New("connection refused") },
		"the client has no probe": func(f *fake) { f.ran = func([]string) error { return errors.New("connection refused") } },
	} {
		f := newFake()
		breakIt(f)
		for _, r := range run(t.Context(), f, thePlan(), reachC) {
			if r.Verdict != Unknown || !strings.Contains(r.Observed, "connection refused") {
				t.Errorf("%s: %s: %s, observed %q; wanted unknown and why", name, r.Name, r.Verdict, r.Observed)
			}
		}
	}
	c := &Reach{From: "nobody", To: kinds[:1], Within: soon}
	if r := run(t.Context(), newFake(), thePlan(), c)[0]; r.Verdict != Unknown || !strings.Contains(r.Observed, "no node nobody") {
		t.Errorf("from a node that is not there: %s, %q", r.Verdict, r.Observed)
	}
	c = &Reach{From: "client", Workload: "web", To: kinds[:1], Within: soon}
	if r := run(t.Context(), newFake(), thePlan(), c)[0]; r.Verdict != Unknown || !strings.Contains(r.Observed, `no workload "web"`) {
		t.Errorf("to a workload that is not there: %s, %q", r.Verdict, r.Observed)
	}
}

func TestWaitsUntilItHolds(t *testing.T) {
	f := newFake()
	began := time.Now()
	f.answer = func(to netip.AddrPort, s *record.Shot) {
		if to.Addr() == ip("198.51.100.1") && time.Since(began) < 400*time.Millisecond {
			s.Answer, s.Error = nil, "no route to host"
		}
	}
	last := 0
	f.ran = func(cmd []string) error {
		last = len(cmd)
		return nil
	}
	c := &Reach{From: "client", To: kinds, Within: scenario.Duration(20 * time.Second)}
	results := run(t.Context(), f, thePlan(), c)
	for _, r := range results {
		if r.Verdict != Held {
			t.Errorf("%s: %s, %q", r.Name, r.Verdict, r.Observed)
		}
	}
	if slow := results[3].Duration; slow < 400*time.Millisecond || slow > 5*time.Second || results[0].Duration > slow {
		t.Errorf("the load balancer took %v, pods %v; wanted it to take 400 ms and a look", slow, results[0].Duration)
	}
	if results[3].Addresses[0].Looks < 2 || f.asked < 2 {
		t.Errorf("%d looks, %d listings; wanted some", results[3].Addresses[0].Looks, f.asked)
	}
	// The words of the command, and one target: a target that holds is not asked again.
	if last != 11 {
		t.Errorf("the last look had %d words; wanted only what was still open: 1 target", last)
	}
}

func TestStoppedIsUnknown(t *testing.T) {
	f := newFake()
	f.routers[0].sessions = nil
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	c := &Sessions{Established: "all", Within: scenario.Duration(time.Minute)}
	if r := run(ctx, f, thePlan(), c)[0]; r.Verdict != Unknown || !strings.Contains(r.Observed, "last seen: 3 of 6 Established") {
		t.Errorf("%s, %q; wanted unknown, with what was last seen", r.Verdict, r.Observed)
	}
}

func TestSkippedWithoutPeers(t *testing.T) {
	p := thePlan()
	p.Routers = nil
	if r := run(t.Context(), newFake(), p, sessC)[0]; r.Verdict != Skipped {
		t.Errorf("without routers: %s, %q; wanted skipped", r.Verdict, r.Observed)
	}
}

func TestAStaleSessionOfARangeDoesNotCount(t *testing.T) {
	f := newFake()
	f.routers[0].sessions = append(f.routers[0].sessions, bgp.Session{Peer: ip("172.30.0.5"), PeerASN: 64512, State: bgp.Active})
	if r := run(t.Context(), f, thePlan(), sessC)[0]; r.Verdict != Held || len(r.Sessions) != 6 {
		t.Errorf("%s, %q, %d rows; wanted held, 6", r.Verdict, r.Observed, len(r.Sessions))
	}
}

func TestSourceMayBeAny(t *testing.T) {
	f := newFake()
	f.answer = func(_ netip.AddrPort, s *record.Shot) { s.Answer.Client = "172.30.0.3:9" }
	c := &Reach{From: "client", To: kinds, Source: "any", Within: soon}
	for _, r := range run(t.Context(), f, thePlan(), c) {
		if r.Verdict != Held {
			t.Errorf("%s: %s, %q", r.Name, r.Verdict, r.Observed)
		}
	}
}
