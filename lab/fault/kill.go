package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/moby/moby/client"
	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/agent/wire"
	"skidpad.dev/skidpad/lab/bound"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Kill ends a router, client, cluster node or a gateway's guard (r1-gw) at once, as a power cut does.
type Kill struct {
	Node string `json:"kill"`
	Lasting
	noDefaults
}

// Silence returns a fault by which a node falls silent at once.
func Silence(node string) scenario.Fault { return scenario.FaultOf(&Kill{Node: node}) }

// About describes the fault.
func (*Kill) About() About {
	return About{What: "a power cut: a container's links down, then SIGKILL to it and to what lives in its namespaces", Whole: true}
}

// Validate checks the node.
func (f *Kill) Validate(v *scenario.Validation, path string) { anyNode(v, path+".kill", f.Node) }

// String describes the fault.
func (f *Kill) String() string { return words(f, "kill "+f.Node) }

// Bound is the bound of a silent node.
func (f *Kill) Bound(c Case) *bound.Bound { return c.silent(f.Node) }

// APIBound is the bound of a silent control plane.
func (f *Kill) APIBound(p *plan.Plan) *bound.Bound { return apiSilent(p, f.Node) }

func (f *Kill) action(s spot) action { return &run{spot: s, end: (*run).kill} }

func (r *run) kill(ctx context.Context) error {
	if err := r.cut(ctx); err != nil {
		return err
	}
	_, err := r.in.engine.Client.ContainerKill(ctx, r.at.container, client.ContainerKillOptions{Signal: "KILL"})
	return err
}

// cut takes the links of a container down before the kill, because a power cut is silent. Otherwise the kernel closes the
// container's connections in order, and forwards until the engine has cleaned up. On a busy machine the cleanup can take
// longer than the wait of a gateway's backup.
//
// Links go down in turn, and a routing daemon reports the first link's loss to its neighbours via the second. Therefore a
// single transaction first drops the packets on all links. If the kernel cannot drop, only the links go down.
func (r *run) cut(ctx context.Context) error {
	if r.at.home != r.at.container {
		return nil // a guard lives in a router's namespace, and the router stays
	}
	have, err := r.in.inspect(ctx, r.at.container)
	if err != nil {
		return err
	}
	own := map[string]bool{}
	for _, ep := range endpointsOf(have) {
		own[ep.MAC] = true
	}
	return r.in.inside(ctx, r.at, func(ns *netns) error {
		links, err := ns.LinkList()
		if err != nil {
			return fmt.Errorf("links of %s: %w", r.at.name, err)
		}
		links = slices.DeleteFunc(links, func(l netlink.Link) bool { return !own[l.Attrs().HardwareAddr.String()] })
		var drops []drop
		for _, l := range links {
			drops = append(drops, drop{Device: l.Attrs().Name}, drop{Device: l.Attrs().Name, Egress: true})
		}
		var lacking *wire.LackError
		if err := wire.Install(ns.ns, tablePrefix+"cut", drops); err != nil && !errors.As(err, &lacking) {
			return fmt.Errorf("%s: %w", r.at.name, err)
		}
		for _, l := range links {
			if err := ns.LinkSetDown(l); err != nil {
				return fmt.Errorf("link %s of %s: %w", l.Attrs().Name, r.at.name, err)
			}
		}
		return nil
	})
}
