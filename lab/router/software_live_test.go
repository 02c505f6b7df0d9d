package router_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/labtest/pace"
	hosts "skidpad.dev/skidpad/lab/router/client"
	"skidpad.dev/skidpad/lab/scenario"
)

// Routers of every software pass the same steps with an FRR, a BIRD or a GoBGP as their internal peer: sessions with
// peers that dial in, and ECMP in RIB and FIB. The gateway moves when a router dies and when a router loses the routes.
func TestEverySoftwareForReal(t *testing.T) {
	t.Parallel()
	for i, pair := range [][]scenario.Software{{"bird", "frr"}, {"gobgp", "bird"}, {"frr", "gobgp"}} {
		t.Run(string(pair[0])+" beside "+string(pair[1]), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), pace.Stretch(3*time.Minute))
			defer cancel()
			w := newWorld(ctx, t, 1+i, pair...)
			t.Logf("%6d ms  routers started", w.start(ctx, "r1", "r2", "n11", "n12").Milliseconds())
			if err := w.gateway.Start(ctx); err != nil {
				t.Fatal(err)
			}
			if err := hosts.Start(ctx, w.engine, w.plan, w.plan.Clients[0], w.images["client"]); err != nil {
				t.Fatal(err)
			}
			w.announceVIP(ctx)
			n11, n12 := fabric(w.number, 11), fabric(w.number, 12)
			for _, r := range []string{"r1", "r2"} {
				w.until(ctx, r+" has all sessions", 30*time.Second, w.established(ctx, r, 3))
				w.until(ctx, r+" has two next hops in RIB and FIB", 10*time.Second, w.routed(ctx, r, n11, n12))
			}
			w.until(ctx, "the client pings the VIP", 5*time.Second, w.pings(ctx))

			w.exec(ctx, "n11", "vtysh", "-c", "configure", "-c", "router bgp 64512", "-c", "address-family ipv4 unicast", "-c", "no network "+vip)
			for _, r := range []string{"r1", "r2"} {
				w.until(ctx, r+" has one next hop after a withdrawal", 5*time.Second, w.routed(ctx, r, n12))
			}
			w.exec(ctx, "n11", "vtysh", "-c", "configure", "-c", "router bgp 64512", "-c", "address-family ipv4 unicast", "-c", "network "+vip)

			w.verbs(ctx, pair[0])
			w.killRouter(ctx)
			w.cutOff(ctx)
		})
	}
}

// verbs shuts, resets and refreshes sessions of r1: of all peers, of the range, and of one peer alone.
func (w *world) verbs(ctx context.Context, software scenario.Software) {
	w.t.Helper()
	r1, n11, n12 := w.routers["r1"], fabric(w.number, 11), fabric(w.number, 12)
	for left, of := range []bgp.Peers{{}, {Ranges: []string{"nodes"}}} {
		err := r1.Shut(ctx, of)
		if software == "gobgp" {
			if err == nil {
				w.t.Fatalf("GoBGP shut %+v, wanted an error: it takes a range's peers again", of)
			}
			continue
		}
		w.must(err)
		w.until(ctx, fmt.Sprintf("r1 has %d sessions", left), 5*time.Second, w.established(ctx, "r1", left)) // r2 is not in the range
		w.must(r1.Open(ctx, of))
		w.until(ctx, "r1 has its sessions again", 30*time.Second, w.established(ctx, "r1", 3))
	}
	r2 := bgp.Peers{Addresses: []netip.Addr{fabric(w.number, 3)}}
	w.must(r1.Shut(ctx, r2))
	w.until(ctx, "r1 has lost r2 alone", 5*time.Second, w.established(ctx, "r1", 2))
	w.must(r1.Open(ctx, r2))
	w.until(ctx, "r1 has r2 again", 30*time.Second, w.established(ctx, "r1", 3))

	before := w.since(ctx, "r1")
	w.must(r1.Refresh(ctx, bgp.Peers{}))
	w.must(r1.Reset(ctx, bgp.Peers{Addresses: []netip.Addr{n11}}))
	w.until(ctx, "r1's session with n11 alone is a new one", 30*time.Second, func() error {
		now := w.since(ctx, "r1")
		if len(now) != 3 || now[n11].Sub(before[n11]) < time.Second || now[n12].Sub(before[n12]) > time.Second {
			return fmt.Errorf("established since %v, before that %v", now, before)
		}
		return nil
	})
	w.until(ctx, "r1 has two next hops again", 10*time.Second, w.routed(ctx, "r1", n11, n12))
}

// since returns the time at which each of a router's sessions was established.
func (w *world) since(ctx context.Context, name string) map[netip.Addr]time.Time {
	w.t.Helper()
	sessions, err := w.routers[name].Sessions(ctx)
	w.must(err)
	all := map[netip.Addr]time.Time{}
	for _, s := range sessions {
		if s.State == bgp.Established {
			all[s.Peer] = time.Now().Add(-s.Uptime)
		}
	}
	return all
}

// cutOff blocks BGP at r1. r1 then has no routes and gives the address up; r2 keeps the routes of its own sessions.
func (w *world) cutOff(ctx context.Context) {
	w.t.Helper()
	w.exec(ctx, "r1", "nft", "add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add rule inet cut in tcp dport 179 drop; add rule inet cut in tcp sport 179 drop")
	w.until(ctx, "r1 has no routes once the hold time is over", 12*time.Second, w.routed(ctx, "r1"))
	w.until(ctx, "r1 has lost its routes: held by r2", 4*time.Second, w.heldBy(ctx, "r2"))
	w.exec(ctx, "r1", "nft", "delete table inet cut")
	w.until(ctx, "r1 has its sessions again", 30*time.Second, w.established(ctx, "r1", 3))
	w.until(ctx, "held by r1", 10*time.Second, w.heldBy(ctx, "r1"))
}
