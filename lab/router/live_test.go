package router_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/labtest/pace"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	hosts "skidpad.dev/skidpad/lab/router/client"
	"skidpad.dev/skidpad/lab/router/gateway"
	"skidpad.dev/skidpad/lab/scenario"
)

const vip = "203.0.113.50/32"

// world is two routers with a gateway, two FRRs in the place of cluster nodes, and a client.
type world struct {
	t       *testing.T
	number  int
	engine  *docker.Engine
	plan    *plan.Plan
	images  map[scenario.Software]string // the engine's names of the images
	gateway *gateway.Gateway
	routers map[string]router.Router
}

// fabric and edge return a host's addresses on the two networks of a world. Worlds run side by side, each with subnets of its
// own.
func fabric(number, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{172, 31, byte(201 + 2*number), byte(host)})
}

func edge(number, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{172, 31, byte(202 + 2*number), byte(host)})
}

func worldPlan(number int) *plan.Plan {
	name := fmt.Sprintf("skidpad-router-test-%d", number)
	network := func(of string, address func(number, host int) netip.Addr) plan.Network {
		return plan.Network{
			Name: of, Docker: name + "-" + of, Bridge: fmt.Sprintf("sk-rt%d-%s", number, of), Host: address(number, 1),
			Subnet: netip.PrefixFrom(address(number, 0), 24), Nodes: netip.PrefixFrom(address(number, 128), 26),
		}
	}
	onFabric := func(host int) plan.Attachment {
		return plan.Attachment{Network: "fabric", Address: fabric(number, host), Bits: 24}
	}
	onEdge := func(host int) plan.Attachment {
		return plan.Attachment{Network: "edge", Address: edge(number, host), Bits: 24}
	}
	p := &plan.Plan{
		Lab:      name,
		Networks: []plan.Network{network("fabric", fabric), network("edge", edge)},
		Gateways: []plan.Gateway{{
			Name: "gw", AdvertInterval: 100 * time.Millisecond, VRID: 1,
			Addresses: []plan.Attachment{onFabric(250), onEdge(250)},
			Members: []plan.GatewayGuard{
				{Router: "r1", Container: name + "-r1-gw", Priority: 200, TrackBGP: true},
				{Router: "r2", Container: name + "-r2-gw", Priority: 190, TrackBGP: true},
			},
		}},
		Clients: []plan.Client{{Name: "client", Container: name + "-client", Network: onEdge(10), Via: edge(number, 250)}},
	}
	for i, router := range []string{"r1", "r2"} {
		other := plan.Neighbor{Name: []string{"r2", "r1"}[i], Address: fabric(number, 3-i), ASN: 64513}
		self := i + 2
		p.Routers = append(p.Routers, plan.Router{
			Name: router, Container: name + "-" + router, Software: "frr",
			Networks: []plan.Attachment{onFabric(self), onEdge(self)},
			BGP: &plan.Speaker{
				ASN: 64513, RouterID: fabric(number, self), HoldTime: 9 * time.Second, Keepalive: 3 * time.Second, MaximumPaths: 16,
				Neighbors: []plan.Neighbor{other},
				Ranges:    []plan.Range{{Name: "nodes", Prefix: netip.PrefixFrom(fabric(number, 0), 24), ASN: 64512, Sessions: 2}},
			},
		})
	}
	for _, self := range []int{11, 12} {
		p.Routers = append(p.Routers, plan.Router{
			Name: fmt.Sprint("n", self), Container: fmt.Sprint(name, "-n", self), Software: "frr",
			Networks: []plan.Attachment{onFabric(self)},
			BGP: &plan.Speaker{
				ASN: 64512, RouterID: fabric(number, self), HoldTime: 9 * time.Second, Keepalive: 3 * time.Second, MaximumPaths: 16,
				Neighbors: []plan.Neighbor{{Name: "r1", Address: fabric(number, 2), ASN: 64513}, {Name: "r2", Address: fabric(number, 3), ASN: 64513}},
			},
		})
	}
	return p
}

// forReal is the variable that makes these tests run; `make routers` sets the variable. The tests run side by side: their
// time limits are far above the timers, and the measured times are only logged.
const forReal = "SKIDPAD_ROUTERS"

// newWorld makes the networks of a world, whose number is below 4. r1 and r2 run the named software; without a name, FRR.
func newWorld(ctx context.Context, t *testing.T, number int, software ...scenario.Software) *world {
	t.Helper()
	if os.Getenv(forReal) == "" {
		t.Skip("routers are not run: make routers runs them")
	}
	engine, err := docker.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, number: number, engine: engine, plan: worldPlan(number), routers: map[string]router.Router{}}
	w.plan.Scenario = &scenario.Scenario{}
	if err := w.plan.Scenario.Bind(lab.Kinds()); err != nil {
		t.Fatal(err)
	}
	for i, s := range software {
		w.plan.Routers[i].Software = s
	}
	w.images = images(ctx, t, engine, append(software, "frr", "keepalived", "client"))
	remove := func() {
		if _, err := engine.Remove(context.WithoutCancel(ctx), w.plan.Lab); err != nil {
			t.Error(err)
		}
	}
	remove()
	t.Cleanup(remove)
	for _, r := range w.plan.Routers {
		w.routers[r.Name], err = router.New(engine, w.plan, r, w.images[r.Software])
		if err != nil {
			t.Fatal(err)
		}
	}
	w.gateway = gateway.New(engine, w.plan, w.plan.Gateways[0], w.images["keepalived"])
	for _, n := range w.plan.Networks {
		if err := engine.CreateNetwork(ctx, w.plan.Lab, n, nil); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// images returns the engine's names of images of the catalogue, and makes missing images.
func images(ctx context.Context, t *testing.T, engine *docker.Engine, names []scenario.Software) map[scenario.Software]string {
	t.Helper()
	var wanted []plan.Image
	for _, name := range names {
		wanted = append(wanted, plan.Image{Name: string(name)})
	}
	have, err := image.New(engine, router.Images(lab.Kinds())...).Ensure(ctx, wanted, image.Auto, nil)
	if err != nil {
		t.Fatal(err)
	}
	refs := map[scenario.Software]string{}
	for _, i := range wanted {
		refs[scenario.Software(i.Name)] = have[i.Key()].Ref
	}
	return refs
}

// start runs the routers side by side and returns the slowest router's start time.
func (w *world) start(ctx context.Context, names ...string) time.Duration {
	w.t.Helper()
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range names {
		group.Go(func() error { return w.routers[name].Start(ctx) })
	}
	if err := group.Wait(); err != nil {
		w.t.Fatal(err)
	}
	return time.Since(began)
}

func (w *world) exec(ctx context.Context, name string, cmd ...string) {
	w.t.Helper()
	_, err := w.engine.Node(name, node.KindRouter, w.plan.Lab+"-"+name).Exec(ctx, cmd...)
	if err != nil {
		w.t.Fatal(err)
	}
}

// announceVIP gives the nodes the VIP, a route to the client's network, and the announcement.
func (w *world) announceVIP(ctx context.Context) {
	w.t.Helper()
	for _, n := range []string{"n11", "n12"} {
		w.exec(ctx, n, "ip", "addr", "add", vip, "dev", "lo")
		w.exec(ctx, n, "ip", "route", "add", netip.PrefixFrom(edge(w.number, 0), 24).String(), "via", fabric(w.number, 250).String())
		w.exec(ctx, n, "vtysh", "-c", "configure", "-c", "router bgp 64512", "-c", "address-family ipv4 unicast", "-c", "network "+vip)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// until waits for a condition and logs the time until the condition holds.
func (w *world) until(ctx context.Context, what string, within time.Duration, try func() error) {
	w.t.Helper()
	began, within := time.Now(), pace.Stretch(within)
	for {
		err := try()
		took := time.Since(began)
		if err == nil {
			w.t.Logf("%6d ms  %s", took.Milliseconds(), what)
			return
		}
		if took > within || ctx.Err() != nil {
			w.t.Fatalf("%s: not within %v; last seen: %v", what, within, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (w *world) heldBy(ctx context.Context, name string) func() error {
	return func() error {
		got, err := w.gateway.Holder(ctx)
		if err == nil && got != name {
			err = fmt.Errorf("held by %s", got)
		}
		return err
	}
}

func (w *world) established(ctx context.Context, name string, sessions int) func() error {
	return func() error {
		list, err := w.routers[name].Sessions(ctx)
		n := 0
		for _, s := range list {
			if s.State == bgp.Established {
				n++
			}
		}
		if err == nil && n != sessions {
			err = fmt.Errorf("%d sessions are established: %+v", n, list)
		}
		return err
	}
}

// routed wants the VIP in RIB and FIB via exactly these next hops.
func (w *world) routed(ctx context.Context, name string, via ...netip.Addr) func() error {
	return func() error {
		rib, err := w.routers[name].Routes(ctx)
		if err != nil {
			return err
		}
		fib, err := w.routers[name].FIB(ctx)
		if err != nil {
			return err
		}
		for _, table := range [][]bgp.Route{rib, fib} {
			r, ok := bgp.Find(table, netip.MustParsePrefix(vip))
			if ok != (len(via) > 0) || !r.Via(via...) {
				return fmt.Errorf("%s is via %+v; wanted %v", vip, r, via)
			}
		}
		return nil
	}
}

func (w *world) pings(ctx context.Context) func() error {
	return func() error {
		_, err := w.engine.Node("client", node.KindClient, w.plan.Lab+"-client").Exec(ctx, "ping", "-c1", "-W1", "-n", "203.0.113.50")
		return err
	}
}

func TestRoutersGatewayAndClientForReal(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), pace.Stretch(3*time.Minute))
	defer cancel()
	w := newWorld(ctx, t, 0)

	t.Logf("%6d ms  routers started", w.start(ctx, "r1", "r2").Milliseconds())
	began := time.Now()
	if err := w.gateway.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("%6d ms  gateway started", time.Since(began).Milliseconds())
	began = time.Now()
	if err := hosts.Start(ctx, w.engine, w.plan, w.plan.Clients[0], w.images["client"]); err != nil {
		t.Fatal(err)
	}
	t.Logf("%6d ms  client started", time.Since(began).Milliseconds())
	w.until(ctx, "a holder before any route is there: r1", 5*time.Second, w.heldBy(ctx, "r1"))
	w.until(ctx, "iBGP established", 10*time.Second, w.established(ctx, "r1", 1))

	t.Logf("%6d ms  nodes started", w.start(ctx, "n11", "n12").Milliseconds())
	w.announceVIP(ctx)
	n11, n12 := fabric(w.number, 11), fabric(w.number, 12)
	for _, r := range []string{"r1", "r2"} {
		w.until(ctx, r+" has all sessions", 20*time.Second, w.established(ctx, r, 3))
		w.until(ctx, r+" has two next hops in RIB and FIB", 10*time.Second, w.routed(ctx, r, n11, n12))
	}
	w.until(ctx, "the client pings the VIP", 5*time.Second, w.pings(ctx))

	w.killRouter(ctx)
	w.loseRoutes(ctx)
	w.apply(ctx)

	// A second start of running routers changes nothing.
	t.Logf("%6d ms  started again", w.start(ctx, "r1", "r2").Milliseconds())
	if err := w.gateway.Start(ctx); err != nil {
		t.Fatal(err)
	}
	w.until(ctx, "r1 still has its sessions", 0, w.established(ctx, "r1", 3))
}

func (w *world) killRouter(ctx context.Context) {
	w.until(ctx, "held by r1", 10*time.Second, w.heldBy(ctx, "r1"))
	most := bound.VRRP{Advert: 100 * time.Millisecond, Priority: 190}.Silent().Max
	if _, err := w.engine.Client.ContainerKill(ctx, w.plan.Lab+"-r1", client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		w.t.Fatal(err)
	}
	killed := time.Now()
	w.until(ctx, fmt.Sprintf("r1 killed: held by r2 (timers: %v)", most), 2*time.Second, w.heldBy(ctx, "r2"))
	w.t.Logf("  r2 became master %v after the kill had returned", w.gateway.Members(ctx)[1].Since.Sub(killed).Round(time.Millisecond))
	w.until(ctx, "the client pings the VIP by way of r2", 2*time.Second, w.pings(ctx))

	began := time.Now()
	if err := w.routers["r1"].Restart(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.t.Logf("%6d ms  r1 restarted", time.Since(began).Milliseconds())
	w.until(ctx, "r1 takes the address back once it has routes", 30*time.Second, w.heldBy(ctx, "r1"))
	w.until(ctx, "r1 has all sessions again", 20*time.Second, w.established(ctx, "r1", 3))
}

// loseRoutes shuts the sessions of r1, then of r2. r1 gives the address up, and takes the address again when r2 has no
// routes either.
func (w *world) loseRoutes(ctx context.Context) {
	w.must(w.routers["r1"].Shut(ctx, bgp.Peers{}))
	w.until(ctx, "r1 has lost its routes: held by r2", 4*time.Second, w.heldBy(ctx, "r2"))
	w.must(w.routers["r2"].Shut(ctx, bgp.Peers{}))
	w.until(ctx, "so has r2: held by r1", 4*time.Second, w.heldBy(ctx, "r1"))
	w.must(w.routers["r1"].Open(ctx, bgp.Peers{}))
	w.must(w.routers["r2"].Open(ctx, bgp.Peers{}))
	w.until(ctx, "sessions are back", 20*time.Second, w.established(ctx, "r1", 3))
	w.until(ctx, "sessions are back at r2", 20*time.Second, w.established(ctx, "r2", 3))
	w.until(ctx, "held by r1", 10*time.Second, w.heldBy(ctx, "r1"))
}

// apply makes a change that a running router takes, then a change that needs a restart, then a wrong change.
func (w *world) apply(ctx context.Context) {
	changed := w.plan.Routers[0]
	speaker := *changed.BGP
	changed.BGP = &speaker
	change := func() error {
		r, err := router.New(w.engine, w.plan, changed, w.images[changed.Software])
		if err != nil {
			return err
		}
		return r.Apply(ctx)
	}
	speaker.MaximumPaths = 1
	if err := change(); err != nil {
		w.t.Fatal(err)
	}
	w.until(ctx, "maximum-paths 1 leaves one next hop", 5*time.Second, func() error {
		fib, err := w.routers["r1"].FIB(ctx)
		if r, _ := bgp.Find(fib, netip.MustParsePrefix(vip)); err == nil && len(r.NextHops) != 1 {
			err = fmt.Errorf("%+v", r)
		}
		return err
	})
	w.until(ctx, "no session was lost for it", 0, w.established(ctx, "r1", 3))
	speaker.MaximumPaths, speaker.GracefulRestart = 16, true
	if err := change(); err != nil {
		w.t.Fatal(err)
	}
	w.until(ctx, "sessions after graceful restart was switched on", 20*time.Second, w.established(ctx, "r1", 3))
	speaker.Neighbors = []plan.Neighbor{{Name: "nobody", ASN: 64513}}
	if err := change(); err == nil {
		w.t.Error("a neighbor without an address was applied")
	} else {
		w.t.Logf("refused: %v", err)
	}
	w.until(ctx, "the refused configuration changed nothing", 0, w.established(ctx, "r1", 3))
}
